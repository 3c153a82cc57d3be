"""One request after the other."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.connect().close()
client.steadily("/", per_second=5, timeout_s=60)
client.insist("/", per_second=1, timeout_s=60)
time.sleep(1)
labkit.ready()
client.stay()
