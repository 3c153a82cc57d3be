"""Pings all the time, and three times as many who ask as the default executor has threads."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(3 * labkit.default_pool_size()):
    client.steadily("/weather", per_second=2, timeout_s=40)
time.sleep(1)
labkit.ready()
client.stay()
