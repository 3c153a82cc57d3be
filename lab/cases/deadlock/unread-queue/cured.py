"""Events go through a queue with a bound to the one task that writes them; a bad one is counted and left out.
"""

import asyncio
import itertools
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
written = []
numbers = itertools.count(1)


class Events:
    def __init__(self):
        self.queue = asyncio.Queue(16)

    async def write(self):
        while True:
            event = await self.queue.get()
            if "order" in event:
                written.append(event["order"])

    async def accept(self):
        await self.queue.put({"order": 7} if next(numbers) % 40 else {})
        return "accepted"


async def ping():
    return "pong"


async def main():
    events = Events()
    kept = asyncio.ensure_future(events.write())
    await labkit.listen({"/event": events.accept, "/ping": ping}, OPTIONS)
    await kept


asyncio.run(main())
