"""Pings all the time, and eighty readers: twice as many as there are threads."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(80):
    client.steadily("/book", per_second=2, timeout_s=40)
time.sleep(2)
labkit.ready()
client.stay()
