"""Pings all the time, and two who ask for quotes."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(2):
    client.insist("/quote", per_second=5)
time.sleep(0.7)
labkit.ready()
client.stay()
