"""A program to be looked at: `target.py WORKLOAD SECONDS`. Runs on Python 3.8 and later, needs no package.

Prints READY, then four times a second `TICK iterations clock` and, for the workload `truth`, `TRUE seconds seconds`: the
CPU time that it has spent so far in the generator's part and in the function `plain`, by its own clock.
"""

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

DONE = [0]
TRUE = [0.0, 0.0]


def burn(count):
    total = 0
    for number in range(count):
        total += number * number
    return total


async def nested(depth):
    if depth:
        return await nested(depth - 1)
    DONE[0] += 1
    return burn(2000)


async def spin():
    while True:
        await nested(8)
        await asyncio.sleep(0)


async def founding():
    """One busy loop and 22 executor threads that wait for work."""
    pool = ThreadPoolExecutor(22)
    meet = threading.Barrier(22)
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.run_in_executor(pool, meet.wait) for _ in range(22)])
    ready()
    await spin()


async def tasks(count):
    event = asyncio.Event()
    kept = [asyncio.ensure_future(event.wait()) for _ in range(count)]
    await asyncio.sleep(0.1)
    ready()
    await spin()
    return kept


def threads(count):
    event = threading.Event()
    for _ in range(count):
        threading.Thread(target=event.wait, daemon=True).start()
    ready()
    while True:
        burn(20000)
        DONE[0] += 1


def deep(depth):
    if depth:
        return deep(depth - 1)
    ready()
    while True:
        burn(20000)
        DONE[0] += 1


def numbers(count):
    for number in range(count):
        yield number * number


def plain(count):
    total = 0
    for number in range(count):
        total += number
    return total


def truth():
    """C code drives a generator, then a plain function runs: who got how much, by the thread's own clock?"""
    ready()
    while True:
        began = time.thread_time()
        sum(numbers(20000))
        between = time.thread_time()
        plain(40000)
        TRUE[0] += between - began
        TRUE[1] += time.thread_time() - between
        DONE[0] += 1


async def speed():
    """Generators and coroutines, made and thrown away as fast as can be."""
    ready()
    while True:
        for _ in range(50):
            await nested(3)
            sum(numbers(200))
        await asyncio.sleep(0)


def workers(count):
    for _ in range(count - 1):
        if not os.fork():
            while True:
                time.sleep(0.05)
                burn(2000)
    ready()
    while True:
        burn(20000)
        DONE[0] += 1


def ready():
    sys.stdout.write("READY %d\n" % os.getpid())
    sys.stdout.flush()


def tell(seconds):
    for _ in range(int(seconds * 4)):
        time.sleep(0.25)
        said = "TICK %d %f\n" % (DONE[0], time.monotonic())
        if sum(TRUE):
            said += "TRUE %f %f\n" % tuple(TRUE)
        sys.stdout.write(said)
        sys.stdout.flush()
    os.killpg(0, 9)


WORKLOADS = {
    "founding": lambda n: asyncio.run(founding()),
    "tasks": lambda n: asyncio.run(tasks(n)),
    "threads": threads,
    "deep": deep,
    "truth": lambda n: truth(),
    "speed": lambda n: asyncio.run(speed()),
    "workers": workers,
}

if __name__ == "__main__":
    kind, _, size = sys.argv[1].partition("-")
    os.setpgid(0, 0)
    sys.setrecursionlimit(10000)
    threading.Thread(target=tell, args=(float(sys.argv[2]),), daemon=True).start()
    WORKLOADS[kind](int(size or 0))
