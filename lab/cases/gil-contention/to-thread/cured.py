"""The same service; the pictures are crunched by another process, started anew, and the loop keeps the GIL to itself.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()

CRUNCH = "pixel = 0\nfor _ in range(10_000_000): pixel = (pixel * 31 + 7) % 1000003\nprint(pixel)"
one_at_a_time = []


@app.get("/picture")
async def picture():
    if not one_at_a_time:
        one_at_a_time.append(asyncio.Semaphore(1))
    async with one_at_a_time[0]:
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", CRUNCH, stdout=asyncio.subprocess.PIPE)
        output, _ = await worker.communicate()
    return int(output)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
