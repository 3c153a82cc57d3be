"""Pings all the time, and one websocket that is opened and dropped."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3BpbmRvY3RvciBsYWIhIQ==\r\n\r\n"
)
client.wait_until_up("/ping")
client.steadily("/ping", per_second=10)
peer = client.connect()
peer.sendall(UPGRADE)
peer.recv(4096)
peer.close()
time.sleep(0.7)
labkit.ready()
client.stay()
