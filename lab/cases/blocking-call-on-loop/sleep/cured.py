"""The same machine; the handler awaits, and the loop goes on.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/coffee")
async def coffee():
    await asyncio.sleep(0.3)
    return "coffee"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
