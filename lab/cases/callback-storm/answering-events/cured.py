"""A mirror keeps two stores alike: the sides wake each other once a second.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Mirror:
    def __init__(self):
        self.left, self.right = asyncio.Event(), asyncio.Event()
        self.rounds = 0

    async def follow(self):
        while True:
            await self.left.wait()
            self.left.clear()
            self.rounds += 1
            await asyncio.sleep(1)
            self.right.set()

    async def lead(self):
        self.left.set()
        while True:
            await self.right.wait()
            self.right.clear()
            self.left.set()


@app.on_event("startup")
async def start():
    app.state.mirror = mirror = Mirror()
    app.state.tasks = [asyncio.ensure_future(mirror.follow()), asyncio.ensure_future(mirror.lead())]


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
