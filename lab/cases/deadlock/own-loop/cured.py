"""A handler hands a coroutine to the event loop and awaits its result.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


async def price():
    await asyncio.sleep(0.05)
    return 7


@app.get("/price")
async def show():
    loop = asyncio.get_running_loop()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(price(), loop))


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
