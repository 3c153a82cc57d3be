"""Clients that connect and say nothing: more of them than there are descriptors."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
silent = [client.connect() for _ in range(160)]
time.sleep(1)
labkit.ready()
client.stay()
