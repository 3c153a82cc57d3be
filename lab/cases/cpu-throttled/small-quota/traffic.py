"""Eight requests a second, each of which computes for a moment."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.connect().close()
client.insist("/", per_second=8, timeout_s=20)
time.sleep(2)
labkit.ready()
client.stay()
