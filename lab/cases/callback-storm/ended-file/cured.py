"""The same shop; at the end of the journal it waits before it looks again.
"""

import asyncio
import sys
import tempfile

import anyio
from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
JOURNAL = tempfile.NamedTemporaryFile("w", suffix=".journal")
app = FastAPI()
latest = []


async def follow():
    async with await anyio.open_file(JOURNAL.name) as journal:
        while True:
            line = await journal.readline()
            if not line:
                await asyncio.sleep(0.2)
                continue
            latest.append(line)


@app.on_event("startup")
async def start():
    app.state.follower = asyncio.ensure_future(follow())


@app.get("/ping")
async def ping():
    return latest[-10:]


JOURNAL.write("order 1\norder 2\n")
JOURNAL.flush()
labkit.serve(app, OPTIONS)
