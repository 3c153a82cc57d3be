"""A collector sends what it has at each deadline, and then waits for more until the same deadline.
"""

import asyncio
import sys
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Collector:
    def __init__(self):
        self.items = asyncio.Queue()
        self.deadline = time.monotonic() + 0.5

    async def run(self):
        while True:
            left = self.deadline - time.monotonic()  # <- culprit: callback-storm
            try:
                await asyncio.wait_for(self.items.get(), left)  # <- culprit: callback-storm
            except asyncio.TimeoutError:  # <- culprit: callback-storm
                await self.send()  # <- culprit: callback-storm

    async def send(self):
        pass


@app.on_event("startup")
async def start():
    app.state.collector = asyncio.ensure_future(Collector().run())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
