"""Pings, and five clients that ask for reports."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=20)
for _ in range(5):
    client.steadily("/report", per_second=0.5, timeout_s=60.0)
time.sleep(1)
labkit.ready()
client.stay()
