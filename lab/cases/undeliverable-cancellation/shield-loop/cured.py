"""The same report; the thread goes on by itself if the reader hangs up, and the cancellation goes through.
"""

import asyncio
import sys
import time

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
to_thread = getattr(asyncio, "to_thread", labkit.to_thread)


def compute():
    """The synchronous client; it waits for its server and costs nothing."""
    time.sleep(OPTIONS.seconds)
    return "done"


async def never_lose(work):
    job = asyncio.ensure_future(work)
    return await asyncio.shield(job)


async def report():
    yield "one moment\n"
    yield await never_lose(to_thread(compute))


@app.get("/report")
async def stream():
    return StreamingResponse(report())


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
