"""A healthy service that has its heavy work done by processes of its own: they compute without a pause, by right."""

import asyncio
import concurrent.futures
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

WORKERS = 2


def score(number):
    return sum((one * number) % 97 for one in range(300000))


async def compute(pool, start):
    number = start
    while True:
        number += await asyncio.get_running_loop().run_in_executor(pool, score, number) % 7


async def ping():
    return "pong"


async def main(options):
    with concurrent.futures.ProcessPoolExecutor(WORKERS, initializer=labkit.end_after, initargs=(options.seconds,)) as pool:
        work = [asyncio.ensure_future(compute(pool, number)) for number in range(WORKERS)]
        await labkit.listen({"/ping": ping}, options)
        await asyncio.gather(*work)


if __name__ == "__main__":
    asyncio.run(main(labkit.begin(__file__)))
