"""A shop asks its stock server with a synchronous client, inside `async def`: the loop waits for the answer.
"""

import sys
import urllib.request

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/stock")
async def stock():
    url = "http://{}:{}/0.3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=10) as answer:  # <- culprit: blocking-call-on-loop
        return len(answer.read())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
