"""Two clients that ask for rates all the time, and five pings a second that suffer from them."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
for _ in range(2):
    client.insist("/rates", per_second=2)
time.sleep(1)
labkit.ready()
client.stay()
