"""Whole uploads all the time, and one that is cut off."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/whole", per_second=10)
cut_off = client.send("/truncated")
time.sleep(0.7)
labkit.ready()
client.stay()
