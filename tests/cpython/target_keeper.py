"""A program with an event loop that keeps its tasks in an object of its own. Runs on Python 3.8.

One task waits, one queues for a lock, one has given way, one has got what it asked a library's object for, and one
holds the loop.
"""

import signal
import sys
import time
import types

LIFE_S = 60
LIBRARY = """
import collections, types

class GiveWay: pass

class Wait:
    def __init__(self, undo):
        self.undo = undo

class Task:
    def __init__(self, coro, name):
        self.coro, self.name, self.custom_sleep_data = coro, name, None

class Runner:
    def __init__(self):
        self.tasks, self.queue = set(), collections.deque()

@types.coroutine
def _yield(message):
    return (yield message)

async def give_way():
    await _yield(GiveWay)

async def wait():
    await _yield(Wait(print))

class Row:
    async def park(self, task):
        task.custom_sleep_data = self
        await wait()

class Lock:
    def __init__(self):
        self._lot = Row()
        self._owner = None

    async def acquire(self, task):
        await self._lot.park(task)

class Channel:
    async def receive(self):
        await give_way()

def turns(runner):
    while runner.tasks:
        now = 12.5
        batch = list(runner.queue)
        runner.queue.clear()
        for task in batch:
            runner.current = task
            if task.coro.send(None) is GiveWay:
                runner.queue.append(task)
        yield

runner = Runner()

def run(*coros):
    for coro in coros:
        task = Task(coro, coro.__name__)
        runner.tasks.add(task)
        runner.queue.append(task)
    for _ in turns(runner):
        pass
"""
trio = types.ModuleType("trio")
exec(compile(LIBRARY, "/srv/venv/lib/python3/site-packages/trio/run.py", "exec"), vars(trio))  # noqa: S102
sys.modules["trio"] = trio


async def waits() -> None:
    await trio.wait()


async def polls() -> None:
    await trio.give_way()


async def receives() -> None:
    await trio.Channel().receive()


async def queues() -> None:
    await trio.Lock().acquire(trio.runner.current)


async def holds() -> None:
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    time.sleep(LIFE_S)  # noqa: ASYNC251 - it holds the loop


signal.alarm(LIFE_S)
trio.run(waits(), polls(), receives(), queues(), holds())
