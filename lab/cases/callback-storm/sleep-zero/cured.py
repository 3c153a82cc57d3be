"""The same server; who waits is woken by an event.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Build:
    def __init__(self):
        self.done = asyncio.Event()


async def finish(build):
    await asyncio.sleep(OPTIONS.seconds)
    build.done.set()


@app.get("/build")
async def wait():
    build = Build()
    asyncio.ensure_future(finish(build))
    await build.done.wait()
    return "built"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
