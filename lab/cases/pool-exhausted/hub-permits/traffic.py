"""Pings all the time, and a dozen customers one question after the other."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(12):
    client.insist("/seats", per_second=5, timeout_s=40)
    time.sleep(0.05)
labkit.ready()
client.stay()
