"""The same service under a tenth of that load.
"""

import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__, "--gentle")
app = FastAPI()


@app.get("/greeting")
async def greeting(name: str = "you"):
    return {"greeting": "hello " + name, "length": len(name)}


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
