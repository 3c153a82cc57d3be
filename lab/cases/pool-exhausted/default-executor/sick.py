"""A weather service asks a slow server through the default executor; the pool is small, and it is everybody's.
"""

import asyncio
import sys
import urllib.request

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


def measure():
    url = "http://{}:{}/3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=30) as answer:  # <- culprit: pool-exhausted
        return len(answer.read())


@app.get("/weather")
async def weather():
    return await asyncio.get_running_loop().run_in_executor(None, measure)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
