"""Pings all the time, and one reader who hangs up."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=10)
client.abandon("/prices", after_s=0.3)
time.sleep(0.7)
labkit.ready()
client.stay()
