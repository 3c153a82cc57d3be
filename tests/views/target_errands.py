"""A loop whose requests have their work done by threads, for a minute at most; 3.8 to 3.15.

One by the loop's own pool, one by a thread that has the loop's future in a variable and computes with the same function
as a thread that serves nobody.
"""

import asyncio
import signal
import sys
import threading
import time

signal.alarm(60)


def compute(seconds):  # noqa: ANN001, ANN201 - runs on interpreters of any age
    """Work for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))


def deliver(loop, future, seconds):  # noqa: ANN001, ANN201
    """A library's own worker: brings a future of the loop."""
    compute(seconds)
    loop.call_soon_threadsafe(future.set_result, None)


async def by_pool(scope):  # noqa: ANN001, ANN201, ARG001
    """Let the loop's executor do it."""
    await asyncio.get_running_loop().run_in_executor(None, compute, 40)


async def by_worker(scope):  # noqa: ANN001, ANN201, ARG001
    """Let a thread do it."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    start(deliver, "worker", loop, future, 40)
    await future


def start(function, name, *arguments):  # noqa: ANN001, ANN002, ANN201
    """Run a function in a thread of its own."""
    threading.Thread(target=function, args=arguments, name=name, daemon=True).start()


async def main():  # noqa: ANN201
    """Start everything, say so, and wait."""
    start(compute, "nobody's", 40)
    requests = [
        by_pool({"type": "http", "method": "GET", "path": "/pool"}),
        by_worker({"type": "http", "method": "GET", "path": "/worker"}),
    ]
    tasks = [asyncio.ensure_future(one) for one in requests]
    await asyncio.sleep(0.3)
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


asyncio.run(main())
