"""A relay without a framework that looks for new mail in every turn of the loop: a callback that schedules itself again at once."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def main():
    loop = asyncio.get_running_loop()
    mails = []

    def look():
        if not mails:  # <- culprit: callback-storm
            loop.call_soon(look)  # <- culprit: callback-storm

    async def start():
        look()
        return "looking"

    async def ping():
        return "pong"

    await labkit.listen({"/start": start, "/ping": ping}, OPTIONS)


asyncio.run(main())
