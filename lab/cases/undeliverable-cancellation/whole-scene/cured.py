"""The same service and the same slow server, both mistakes corrected.

The route closes the generator in its own task, and the slow calls have an executor of their own, large enough for them.
"""

import asyncio
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import anyio
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
mongo = AsyncIOMotorClient(labkit.HOST, OPTIONS.mongo_port, serverSelectionTimeoutMS=10_000)
history = mongo.lab.history
searchers = ThreadPoolExecutor(4 * labkit.default_pool_size(), "search")


def search(question):
    """The synchronous SDK: waits for its server, as such clients do."""
    with urllib.request.urlopen("http://{}:{}/4".format(labkit.HOST, OPTIONS.peer_port), timeout=30) as answer:
        answer.read()
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
    return await asyncio.get_running_loop().run_in_executor(searchers, search, question)


@app.get("/ask")
async def ask(question: str = "spin"):
    await history.insert_one({"question": question, "at": time.time()})
    words = model_words(question)
    try:
        async for word in words:
            return {"word": word}
    finally:
        await words.aclose()


labkit.serve(app, OPTIONS)
