"""Three hundred clients who wait for news, and pings."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=20)
for _ in range(0 if client.options.idle else 300):
    client.steadily("/next", per_second=10, timeout_s=30)
time.sleep(2)
labkit.ready()
client.stay()
