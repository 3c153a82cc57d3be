"""A hundred requests, then twenty a second."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.connect().close()
for _ in range(100):
    client.get("/")
client.insist("/", per_second=20)
time.sleep(0.5)
labkit.ready()
client.stay()
