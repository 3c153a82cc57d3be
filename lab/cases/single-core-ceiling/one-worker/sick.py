"""An honest service: every request is small and quick, and there are as many as one process can answer. Nothing is wrong with it
but that it is one process.
"""

import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


@app.get("/greeting")
async def greeting(name: str = "you"):
    return {"greeting": "hello " + name, "length": len(name)}


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
