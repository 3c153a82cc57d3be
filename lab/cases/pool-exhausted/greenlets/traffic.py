"""Pings all the time, two exports, and then half a dozen readers."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.get("/export")
client.get("/export")
client.steadily("/ping", per_second=5)
for _ in range(6):
    client.insist("/book", per_second=5, timeout_s=40)
    time.sleep(0.1)
labkit.ready()
client.stay()
