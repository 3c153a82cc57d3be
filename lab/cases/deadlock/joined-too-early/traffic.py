"""Five pings a second; after half a second two reports."""

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
    threading.Thread(target=client.get, args=("/report", 60.0), daemon=True).start()
time.sleep(1)
labkit.ready()
client.stay()
