"""Pings all the time, and six clients who send pictures."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for number in range(6):
    client.insist("/picture/%d" % number, per_second=5, timeout_s=40)
time.sleep(2)
labkit.ready()
client.stay()
