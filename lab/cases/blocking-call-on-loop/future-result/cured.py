"""The same report; the handler awaits the executor's future.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
renderers = ThreadPoolExecutor(4, "render")

def render():
    time.sleep(0.3)
    return "report"


@app.get("/report")
async def report():
    return await asyncio.wrap_future(renderers.submit(render))


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
