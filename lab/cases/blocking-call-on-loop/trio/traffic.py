"""Pings all the time, and three who write lines."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(3):
    client.insist("/line", per_second=4)
time.sleep(0.7)
labkit.ready()
client.stay()
