"""Pings, and one client that orders ten times a second."""

import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=20)
client.steadily("/order", per_second=20)
labkit.ready()
client.stay()
