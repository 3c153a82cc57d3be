"""Every request refreshes a token only when it is older than a minute.
"""

import asyncio
import sys
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
renewal = None
renewed_at = -60.0


async def renew():
    await asyncio.sleep(0.4)


async def token():
    global renewal, renewed_at
    renewal = renewal or asyncio.Lock()
    async with renewal:
        if time.monotonic() - renewed_at > 60:
            await renew()
            renewed_at = time.monotonic()
    return "token"


@app.get("/orders")
async def orders():
    await token()
    return "orders"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
