"""As many requests as one process can answer, over eight connections that stay open."""

import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
PAUSE_S = 0.1 if client.options.gentle else 0.0


def ask_on():
    peer = client.connect()
    while True:
        peer.sendall(b"GET /greeting?name=lab HTTP/1.1\r\nHost: lab\r\n\r\n")
        peer.recv(4096)
        time.sleep(PAUSE_S)


client.wait_until_up("/ping")
for _ in range(0 if client.options.idle else 8):
    threading.Thread(target=ask_on, daemon=True).start()
time.sleep(1)
labkit.ready()
client.stay()
