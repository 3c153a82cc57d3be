"""The same service; the route closes the generator itself, in the task that opened it.
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
                yield word
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
    words = model_words(question)
    try:
        async for word in words:
            return {"word": word, "hits": hits}
    finally:
        await words.aclose()


labkit.serve(app, OPTIONS)
