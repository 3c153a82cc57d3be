"""Money is moved between two accounts; each move locks the giving account first, so two moves can meet.
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
    with giver.lock:
        time.sleep(0.2)
        with taker.lock:  # <- culprit: deadlock
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
