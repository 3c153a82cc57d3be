"""The same search; each text is indexed once when it comes in, and a request only looks up.
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
            total += text[start : start + len(word)] == word
    return total


@app.get("/search")
async def search():
    return SCORES


TEXTS = ["the loop waits for no one, and who waits for the loop spins " * 20] * 500
SCORES = score(TEXTS[0], ("spin", "loop", "wait")) * len(TEXTS)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
