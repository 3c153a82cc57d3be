"""Nobody asks it anything."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
time.sleep(3)
labkit.ready()
client.stay()
