"""A healthy service under a steady load: small answers, short waits, a little work.
"""

import asyncio
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/order")
async def order():
    await asyncio.sleep(0.02)
    return {"lines": [{"article": number, "price": number * 3} for number in range(50)]}


@app.get("/receipt")
def receipt():
    return "a plain function, run in a thread"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
