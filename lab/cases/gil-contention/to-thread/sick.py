"""A picture service that crunches in threads, three at a time. The threads do not block the loop, but they hold the GIL: each
time the loop wakes up it waits for its turn.
"""

import asyncio
import sys
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
to_thread = getattr(asyncio, "to_thread", labkit.to_thread)

def crunch():
    end = time.monotonic() + OPTIONS.seconds
    pixel = 0
    while time.monotonic() < end:  # <- culprit: gil-contention
        pixel = (pixel * 31 + 7) % 1000003  # <- culprit: gil-contention
    return pixel


@app.get("/picture")
async def picture():
    return await to_thread(crunch)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
