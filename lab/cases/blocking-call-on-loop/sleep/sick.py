"""A coffee machine's web face. The handler waits for the machine with `time.sleep`, on the event loop's thread.
"""

import sys
import time

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/coffee")
async def coffee():
    time.sleep(0.3)  # <- culprit: blocking-call-on-loop
    return "coffee"


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
