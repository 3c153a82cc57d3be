"""Eight customers at a time, about a hundred requests a second."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
for path in ("/order", "/receipt", "/order", "/ping") * 2:
    client.steadily(path, per_second=15)
time.sleep(1)
labkit.ready()
client.stay()
