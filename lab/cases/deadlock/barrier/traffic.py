"""None: the batch works for itself."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
time.sleep(1.5)
labkit.ready()
client.stay()
