"""A few pings a second, and eight clients who order one after the other."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(8):
    client.insist("/order", per_second=20, timeout_s=60)
time.sleep(1)
labkit.ready()
client.stay()
