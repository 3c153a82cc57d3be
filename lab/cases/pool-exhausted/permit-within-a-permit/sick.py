"""Reports are made of pages, and the database is to be asked by three at once at most: reports and pages alike ask first.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Reports:
    def __init__(self):
        self.permits = asyncio.Semaphore(3)

    async def page(self, number):
        async with self.permits:
            await asyncio.sleep(0.02)
            return str(number)

    async def report(self):
        async with self.permits:
            await asyncio.sleep(0.02)
            return " ".join(await asyncio.gather(*(self.page(number) for number in range(3))))  # <- culprit: pool-exhausted


async def ping():
    return "pong"


async def main():
    reports = Reports()
    await labkit.listen({"/report": reports.report, "/ping": ping}, OPTIONS)


asyncio.run(main())
