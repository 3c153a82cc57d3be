"""An import service: reading the upload was moved off the loop into a thread, where one C call keeps the GIL throughout.
"""

import asyncio
import json
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
UPLOAD = "[" + ",".join("%d.5" % number for number in range(1500000)) + "]"


def read(text):
    return len(json.loads(text))  # <- culprit: gil-contention


@app.get("/import")
async def accept():
    return await labkit.to_thread(read, UPLOAD)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
