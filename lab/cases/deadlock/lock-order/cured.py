"""Money is moved between two accounts; every move locks them in the same order.
"""

import sys
import threading
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Account:
    def __init__(self):
        self.lock = threading.Lock()
        self.balance = 100


ACCOUNTS = {"red": Account(), "blue": Account()}


def move(giver, taker):
    first, second = sorted((giver, taker), key=id)
    with first.lock:
        time.sleep(0.2)
        with second.lock:
            giver.balance -= 1
            taker.balance += 1


@app.get("/move/{giver}/{taker}")
def handle(giver: str, taker: str):
    move(ACCOUNTS[giver], ACCOUNTS[taker])
    return "moved"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
