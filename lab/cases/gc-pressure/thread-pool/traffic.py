"""Three who ask without pause."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
for _ in range(3):
    client.insist("/ping", per_second=200, timeout_s=20)
time.sleep(1.5)
labkit.ready()
client.stay()
