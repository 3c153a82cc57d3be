"""A question service: history in MongoDB, hits from a synchronous search SDK, words from a streaming model client.

The model client keeps its connection alive with a task group around its `yield`. The route takes the first word and returns, which
leaves the generator suspended there. The event loop closes it later, in a task of its own, when the route's task has ended: the
cancel scope then still lists that ended task, and an anyio without the fix tries to cancel it again in every turn of the loop.
"""

import asyncio
import sys
import time

import anyio
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
mongo = AsyncIOMotorClient(labkit.HOST, OPTIONS.mongo_port, serverSelectionTimeoutMS=10_000)
history = mongo.lab.history
to_thread = getattr(asyncio, "to_thread", labkit.to_thread)


def search(question):
    """The synchronous SDK: waits for its server, as such clients do. It is innocent."""
    time.sleep(0.05)
    return ["a hit for " + question]


async def keep_alive():
    """The heartbeat of the model client's connection."""
    while True:
        await anyio.sleep(15)


async def model_words(question):
    """The streaming model client."""
    async with anyio.create_task_group() as connection:
        connection.start_soon(keep_alive)
        try:
            for word in ("it", "depends", "on", question):
                yield word  # <- candidate: undeliverable-cancellation
        finally:
            connection.cancel_scope.cancel()


@app.get("/history")
async def recent():
    return await history.find({}, {"_id": 0}).sort("at", -1).to_list(5)


@app.get("/search")
async def find(question: str = "spin"):
    return await to_thread(search, question)


@app.get("/ask")
async def ask(question: str = "spin"):
    hits = await to_thread(search, question)
    await history.insert_one({"question": question, "at": time.time()})
    async for word in model_words(question):
        return {"word": word, "hits": hits}


labkit.serve(app, OPTIONS)
