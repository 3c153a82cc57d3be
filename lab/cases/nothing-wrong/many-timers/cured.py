"""A healthy scheduler: five thousand jobs, each on a timer of its own, and nothing to do for most of them at any moment."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
JOBS = 5000
PERIOD_S = 10
done = [0] * JOBS


async def repeat(job):
    await asyncio.sleep(PERIOD_S * job / JOBS)
    while True:
        done[job] += 1
        await asyncio.sleep(PERIOD_S)


async def ping():
    return str(sum(done))


async def main():
    jobs = [asyncio.ensure_future(repeat(job)) for job in range(JOBS)]
    await labkit.listen({"/ping": ping}, OPTIONS)
    await asyncio.gather(*jobs)


asyncio.run(main())
