"""Three clients, and eight programs that burn all cores where the load is not to be gentle."""

import subprocess
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
BURN = "import signal\nsignal.alarm(%d)\nwhile True: pass"

client.connect().close()
if not client.options.gentle:
    for _ in range(8):
        subprocess.Popen([sys.executable, "-c", BURN % client.options.seconds])
clients, per_second = (1, 5) if client.options.gentle else (3, 50)
for _ in range(clients):
    client.insist("/", per_second=per_second, timeout_s=20)
time.sleep(1)
labkit.ready()
client.stay()
