"""A search that scores all its texts in the handler: honest work, but on the event loop's thread, 200 ms at a time.
"""

import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


def score(text, words):
    total = 0
    for word in words:
        for start in range(len(text) - len(word)):
            total += text[start : start + len(word)] == word  # <- culprit: cpu-bound-on-loop
    return total


@app.get("/search")
async def search():
    return sum(score(text, ("spin", "loop", "wait")) for text in TEXTS)


TEXTS = ["the loop waits for no one, and who waits for the loop spins " * 20] * 500


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
