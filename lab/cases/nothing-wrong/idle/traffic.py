"""Nobody."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
time.sleep(0.5)
labkit.ready()
client.stay()
