"""The same service and the same slow server; these calls have an executor of their own, large enough for them.
"""

import asyncio
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
stations = ThreadPoolExecutor(4 * labkit.default_pool_size(), "station")


def measure():
    url = "http://{}:{}/3".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url, timeout=30) as answer:
        return len(answer.read())


@app.get("/weather")
async def weather():
    return await asyncio.get_running_loop().run_in_executor(stations, measure)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
