"""Pings, and after half a second two moves at once, there and back."""

import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5)
time.sleep(0.5)
for path in ("/move/red/blue", "/move/blue/red"):
    threading.Thread(target=client.get, args=(path, 60), daemon=True).start()
time.sleep(1)
labkit.ready()
client.stay()
