"""Events go through a queue with a bound to the one task that writes them, which takes a quarter of a second for each.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Events:
    def __init__(self):
        self.queue = asyncio.Queue(4)

    async def write(self):
        while True:
            await self.store(await self.queue.get())

    async def store(self, _event):
        await asyncio.sleep(0.25)  # <- culprit: pool-exhausted

    async def accept(self):
        await self.queue.put("event")
        return "accepted"


async def ping():
    return "pong"


async def main():
    events = Events()
    kept = asyncio.ensure_future(events.write())
    await labkit.listen({"/event": events.accept, "/ping": ping}, OPTIONS)
    await kept


asyncio.run(main())
