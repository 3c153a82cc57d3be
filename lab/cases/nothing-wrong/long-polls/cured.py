"""A healthy notifier on asyncio alone: hundreds of clients wait for news for a long time, as they should."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class News:
    """The event that all waiters share, replaced each time that it is set."""

    def __init__(self):
        self.event = asyncio.Event()

    async def next(self):
        await self.event.wait()
        return "news"

    async def publish(self):
        while True:
            await asyncio.sleep(5)
            self.event.set()
            self.event = asyncio.Event()


async def ping():
    return "pong"


async def main():
    news = News()
    publisher = asyncio.ensure_future(news.publish())
    await asyncio.gather(publisher, labkit.listen({"/next": news.next, "/ping": ping}, OPTIONS))


asyncio.run(main())
