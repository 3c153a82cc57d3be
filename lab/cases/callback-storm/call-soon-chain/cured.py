"""The same relay; it looks four times a second.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def main():
    loop = asyncio.get_running_loop()
    mails = []

    def look():
        if not mails:
            loop.call_later(0.25, look)

    async def start():
        look()
        return "looking"

    async def ping():
        return "pong"

    await labkit.listen({"/start": start, "/ping": ping}, OPTIONS)


asyncio.run(main())
