"""Workers of a link checker put the links that they find into the queue with a bound which they take from.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
checked = []


async def links_of(page):
    await asyncio.sleep(0.01)
    return [f"{page}/{number}" for number in range(3)]


async def check(pages):
    while True:
        page = await pages.get()
        for link in await links_of(page):
            await pages.put(link)  # <- culprit: deadlock
        checked.append(page)


async def ping():
    return "pong"


async def main():
    pages = asyncio.Queue(20)
    workers = [asyncio.ensure_future(check(pages)) for _ in range(5)]
    await pages.put("http://shop")
    await labkit.listen({"/ping": ping}, OPTIONS)
    await asyncio.gather(*workers)


asyncio.run(main())
