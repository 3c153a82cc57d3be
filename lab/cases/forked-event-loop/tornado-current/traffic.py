"""One client that asks for the report and gives up after a second; pings to whichever process takes them."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.abandon("/report", after_s=1, read=False)
client.steadily("/ping", per_second=2, timeout_s=2)
time.sleep(0.7)
labkit.ready()
client.stay()
