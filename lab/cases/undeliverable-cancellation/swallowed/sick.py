"""A price ticker over server-sent events that is meant to survive everything, and so survives its own cancellation.

When the reader hangs up, the framework cancels the response's scope. The generator catches that too and waits again, in a scope
that stays cancelled: every wait is cancelled at once, for ever.
"""

import asyncio
import sys

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


async def prices(feed):
    yield "retry: 1000\n\n"
    while True:
        try:
            price = await asyncio.wait_for(feed.get(), 5)  # <- culprit: undeliverable-cancellation
        except BaseException:
            continue
        yield "data: {}\n\n".format(price)


@app.get("/prices")
async def ticker():
    return StreamingResponse(prices(asyncio.Queue()), media_type="text/event-stream")


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
