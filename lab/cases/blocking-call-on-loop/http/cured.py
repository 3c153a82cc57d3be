"""The same shop; the handler is a plain function, so the framework runs it in a thread.
"""

import sys
import urllib.request

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/stock")
def stock():
    url = "http://{}:{}/0.3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=10) as answer:
        return len(answer.read())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
