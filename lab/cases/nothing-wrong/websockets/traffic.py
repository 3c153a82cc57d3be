"""A thousand listeners who say nothing, and pings."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

LISTENERS = 1000
UPGRADE = (
    "GET /news HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: c3BpbmRvY3RvcnNwaW5kbw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=10)
listening = []
for _ in range(LISTENERS):
    listening.append(client.connect())
    listening[-1].sendall(UPGRADE.encode())
time.sleep(2)
labkit.ready()
client.stay()
