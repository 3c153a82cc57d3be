"""Pings, and twenty parcels a second."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(4):
    client.insist("/parcel", per_second=5)
time.sleep(6)
labkit.ready()
client.stay()
