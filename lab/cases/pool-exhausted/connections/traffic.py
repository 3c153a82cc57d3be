"""Pings all the time, and a dozen customers who ask for their parcels one after the other."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for number in range(12):
    client.insist("/parcel", per_second=2, timeout_s=40)
    time.sleep(0.2)
labkit.ready()
client.stay()
