"""A shop whose client to the carrier may have three connections, for a dozen customers at a time.
"""

import sys

import httpx
from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
carrier = httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=3))


@app.get("/parcel")
async def parcel():
    answer = await carrier.get("http://{}:{}/2".format(labkit.HOST, OPTIONS.peer_port))  # <- culprit: pool-exhausted
    return answer.text


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
