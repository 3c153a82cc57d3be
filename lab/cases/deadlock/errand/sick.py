"""A handler keeps a lock while a thread works for it, and that thread asks the loop for what takes the same lock.
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
    async with locks["journal"]:
        await asyncio.sleep(0.01)
    return text


def write(loop):
    return asyncio.run_coroutine_threadsafe(audit("saved"), loop).result()  # <- culprit: deadlock


@app.get("/save")
async def save():
    loop = asyncio.get_running_loop()
    async with locks.setdefault("journal", asyncio.Lock()):
        return await loop.run_in_executor(None, write, loop)  # <- culprit: deadlock


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
