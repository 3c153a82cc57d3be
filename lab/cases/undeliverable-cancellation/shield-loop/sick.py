"""A report that is computed by a synchronous client in a thread, by code that never wants to lose that thread.

It waits in a loop, shielded, and passes over every cancellation until the thread is done. When the reader hangs up, the scope
around the response stays cancelled, so each new wait is cancelled at once: the loop turns at full speed until the thread returns.
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
    while not job.done():
        try:
            await asyncio.shield(job)  # <- culprit: undeliverable-cancellation
        except asyncio.CancelledError:
            pass
    return job.result()


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
