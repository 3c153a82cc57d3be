"""A library catalogue with plain functions as handlers: the framework runs them in threads, of which there are forty.
"""

import sys
import urllib.request

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/book")
def book():
    url = "http://{}:{}/3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=30) as answer:  # <- culprit: pool-exhausted
        return len(answer.read())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
