"""The same shop and the same carrier; it waits for a moment only, and then says what it knew last.
"""

import sys

import httpx
from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
carrier = httpx.AsyncClient(timeout=0.3, limits=httpx.Limits(max_connections=None))


@app.get("/parcel")
async def parcel():
    try:
        answer = await carrier.get("http://{}:{}/4".format(labkit.HOST, OPTIONS.peer_port))
    except httpx.TimeoutException:
        return "on its way"
    return answer.text


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
