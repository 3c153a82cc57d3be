"""Readers and searchers all the time, and one question: it is enough."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/history")
client.steadily("/history", per_second=5)
client.steadily("/search", per_second=4)
client.get("/ask")
time.sleep(0.7)
labkit.ready()
client.stay()
