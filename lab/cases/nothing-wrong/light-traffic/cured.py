"""A healthy service under light traffic.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/greeting")
async def greeting():
    await asyncio.sleep(0.01)
    return {"greeting": "hello"}


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
