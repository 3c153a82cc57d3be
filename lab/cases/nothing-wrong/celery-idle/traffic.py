"""Nobody sends anything."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
time.sleep(4)  # a worker does not say when it is up
labkit.ready()
client.stay()
