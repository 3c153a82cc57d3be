"""A build server: who asks for a build waits for it by looking at a flag, and gives the loop a turn between two looks.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Build:
    done = False


async def finish(build):
    await asyncio.sleep(OPTIONS.seconds)
    build.done = True


@app.get("/build")
async def wait():
    build = Build()
    asyncio.ensure_future(finish(build))
    while not build.done:
        await asyncio.sleep(0)  # <- culprit: callback-storm
    return "built"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
