"""Readers all the time, one question, and three times as many searchers as the default executor has threads."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/history")
client.steadily("/history", per_second=5)
for _ in range(3 * labkit.default_pool_size()):
    client.steadily("/search", per_second=2, timeout_s=40)
client.get("/ask")
time.sleep(1.5)
labkit.ready()
client.stay()
