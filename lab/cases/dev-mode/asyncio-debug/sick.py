"""A service that asks for many prices at once, with the debug mode of asyncio left on: a stack is extracted for each task.
"""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


async def price(number):
    await asyncio.sleep(0)
    return number


@app.get("/prices")
async def prices():
    return sum(await asyncio.gather(*[price(number) for number in range(100)]))


@app.get("/ping")
async def ping():
    return "pong"


server = uvicorn.Server(uvicorn.Config(app, host=labkit.HOST, port=OPTIONS.port, log_level="critical"))
asyncio.run(server.serve(), debug=True)  # <- culprit: dev-mode
