"""Five pings a second; after half a second two conversions, and another one every other second."""

import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
time.sleep(0.5)
for _ in range(2):
    threading.Thread(target=client.get, args=("/convert", 60.0), daemon=True).start()
client.steadily("/convert", per_second=0.5, timeout_s=1.5)
time.sleep(1)
labkit.ready()
client.stay()
