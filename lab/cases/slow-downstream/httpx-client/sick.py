"""A shop that asks the carrier's server for the state of a parcel, for as long as that takes.
"""

import sys

import httpx
from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
carrier = httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None))


@app.get("/parcel")
async def parcel():
    answer = await carrier.get("http://{}:{}/4".format(labkit.HOST, OPTIONS.peer_port))  # <- culprit: slow-downstream
    return answer.text


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
