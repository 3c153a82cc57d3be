"""A mail sender without any framework, with a hand-made way to stop its worker: cancel it until it is gone.

The worker takes every cancellation for a hiccup of its queue and waits again, so it is never gone.
"""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


async def work(mails):
    while True:
        try:
            await mails.get()  # <- culprit: undeliverable-cancellation
        except asyncio.CancelledError:
            continue


async def main():
    worker = asyncio.ensure_future(work(asyncio.Queue()))
    loop = asyncio.get_running_loop()

    def nag():
        if not worker.done():
            worker.cancel()
            loop.call_soon(nag)

    async def stop():
        nag()
        return "stopping"

    async def ping():
        return "pong"

    await labkit.listen({"/stop": stop, "/ping": ping}, OPTIONS)


asyncio.run(main())
