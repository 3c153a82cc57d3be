"""A registration that checks names with a pattern that can match each text in very many ways. One long name with a
mark at its end, and the service stands still.
"""

import re
import sys

from fastapi import FastAPI

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()
NAME = re.compile(r"^(\w+\s?)*$")


def is_valid(name):
    return NAME.match(name) is not None  # <- culprit: regex-backtracking


@app.get("/register")
async def register(name: str = ""):
    return is_valid(name)


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
