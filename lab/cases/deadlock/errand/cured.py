"""A handler lets a thread work for it that asks the loop for what takes a lock, and takes none itself.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
locks = {}


async def audit(text):
    async with locks.setdefault("journal", asyncio.Lock()):
        await asyncio.sleep(0.01)
    return text


def write(loop):
    return asyncio.run_coroutine_threadsafe(audit("saved"), loop).result()


@app.get("/save")
async def save():
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, write, loop)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
