"""Customers who keep their connections and ask again and again, each at a rate of its own."""

import http.client
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

CUSTOMERS = 6
PER_SECOND = 43


def ask(client):
    connection = http.client.HTTPConnection(labkit.HOST, client.port)
    due_s = time.monotonic()
    while True:
        connection.request("GET", "/order?first=7")
        connection.getresponse().read()
        due_s = max(due_s + 1 / PER_SECOND, time.monotonic() - 0.1)
        time.sleep(max(0.0, due_s - time.monotonic()))


client = labkit.Client()
client.wait_until_up("/ping")
for _ in range(CUSTOMERS):
    threading.Thread(target=ask, args=(client,), daemon=True).start()
client.steadily("/ping", per_second=10)
time.sleep(1)
labkit.ready()
client.stay()
