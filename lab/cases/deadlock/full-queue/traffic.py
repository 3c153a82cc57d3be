"""A few pings a second."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
time.sleep(1)
labkit.ready()
client.stay()
