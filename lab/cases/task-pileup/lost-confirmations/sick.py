"""Orders, for each of which a task waits for a confirmation; the one who should confirm was switched off long ago.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
pending = {}
tasks = set()


async def confirmed(number):
    pending[number] = asyncio.get_running_loop().create_future()
    await pending[number]  # <- culprit: task-pileup
    del pending[number]


@app.get("/order")
async def order():
    number = len(pending)
    tasks.add(asyncio.ensure_future(confirmed(number)))
    return number


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
