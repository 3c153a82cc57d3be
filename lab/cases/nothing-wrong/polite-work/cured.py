"""A healthy service that computes for itself beside its requests, and gives the loop back every few milliseconds."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def score(numbers):
    return sum((number * number) % 97 for number in numbers)


async def compute():
    total = 0
    while True:
        total += score(range(40000))
        await asyncio.sleep(0)


async def ping():
    return "pong"


async def main():
    work = asyncio.ensure_future(compute())
    await labkit.listen({"/ping": ping}, OPTIONS)
    await work


asyncio.run(main())
