"""Pings all the time, and one order that is never answered (sick) or answered as late (cured)."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
client.send("/order")
time.sleep(1.5)
labkit.ready()
client.stay()
