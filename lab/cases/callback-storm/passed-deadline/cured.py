"""A collector sends what it has at each deadline, and then waits for more until the next one.
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
            left = self.deadline - time.monotonic()
            try:
                await asyncio.wait_for(self.items.get(), left)
            except asyncio.TimeoutError:
                await self.send()

    async def send(self):
        self.deadline = time.monotonic() + 0.5


@app.on_event("startup")
async def start():
    app.state.collector = asyncio.ensure_future(Collector().run())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
