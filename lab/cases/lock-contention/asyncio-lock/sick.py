"""Every request refreshes a token under one lock of the event loop, although the old token would do.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
renewal = None


async def renew():
    await asyncio.sleep(0.4)  # <- culprit: lock-contention


async def token():
    global renewal
    renewal = renewal or asyncio.Lock()
    async with renewal:  # <- culprit: lock-contention
        await renew()  # <- culprit: lock-contention
    return "token"


@app.get("/orders")
async def orders():
    await token()
    return "orders"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
