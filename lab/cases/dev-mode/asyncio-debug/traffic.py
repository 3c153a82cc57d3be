"""Four clients that ask for prices, each with a pause after the answer."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
for _ in range(4):
    client.insist("/prices", per_second=6)
time.sleep(1)
labkit.ready()
client.stay()
