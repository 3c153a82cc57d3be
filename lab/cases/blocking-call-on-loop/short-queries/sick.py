"""Orders are priced row by row: a question and an answer for each row, from a price service on this host."""

import asyncio
import socket
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
ROWS = 40


def serve_prices(connection):
    """The price service's side, as a thread of this process to keep the case in one place: half a millisecond each."""
    while connection.recv(16):
        time.sleep(0.0005)
        connection.send(b"9.99")


class Prices:
    def __init__(self):
        self.connection, theirs = socket.socketpair()
        threading.Thread(target=serve_prices, args=(theirs,), daemon=True).start()

    def price(self, row):
        self.connection.send(b"%d" % row)
        return self.connection.recv(16)  # <- culprit: blocking-call-on-loop


PRICES = Prices()


async def order():
    return b" ".join(PRICES.price(row) for row in range(ROWS)).decode()


async def ping():
    return "pong"


asyncio.run(labkit.listen({"/order": order, "/ping": ping}, OPTIONS))
