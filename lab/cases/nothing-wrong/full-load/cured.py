"""A healthy service with much to do: four fifths of a core, all of it in answers of a millisecond or two."""

import sys
import time

from fastapi import FastAPI
from pydantic import BaseModel

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
app = FastAPI()


class Line(BaseModel):
    article: int
    price: float
    words: str


def price(lines):
    """Two milliseconds of work on any machine."""
    end_s = time.thread_time() + 0.002
    while time.thread_time() < end_s:
        total = sum(line.price for line in lines)
    return total


@app.get("/order")
async def order(first: int = 0) -> list[Line]:
    lines = [Line(article=number, price=number * 1.5, words="no. %d" % number) for number in range(first, first + 20)]
    lines[0].price = price(lines)
    return lines


@app.get("/ping")
async def ping():
    return "pong"


labkit.serve(app, OPTIONS)
