"""A program that says about itself what a reader should find, and then stands still. Runs on CPython 3.8 to 3.15.

It prints one line of JSON: addresses (`id`), values, attributes, threads, frames, tasks. Then it waits until its
standard input ends, for a minute at most. Everything but the reporting thread is blocked by then, so it stays true.
"""

# It runs on interpreters that know no newer syntax, and its odd classes are what it is for.
# ruff: noqa: ANN001, ANN002, ANN201, ANN202

import asyncio
import json
import os
import signal
import sys
import threading
import time
import types

from kinds import (
    KEEP,
    SPECIAL,
    VALUES,
    functions,
    instances,
    keep,
    lengths,
    own_attributes,
    waiting_items,
    weak_collections,
)
from places import chain_of, place
from work import describe, outer, resting_agen, start, start_tasks

signal.alarm(60)
BLOCKED = threading.Event()
STANDING = []


def stand(argument, *rest, keyword="kw"):
    """A thread's function with every kind of local variable."""
    plain, gone, shared = "p", "g", ["shared"]
    squares = [number * number for number in range(3)]
    del gone

    def inner():
        own = "own"
        STANDING.append(threading.get_ident())
        BLOCKED.wait()
        return shared, argument, own

    return inner(), plain, squares, rest, keyword


def frames_of(frame):
    """Place and local variables of each frame, innermost first."""
    found = []
    while frame is not None:
        names = {name: id(value) for name, value in frame.f_locals.items()}
        found.append({"place": place(frame), "locals": names})
        frame = frame.f_back
    return found


def dive(depth):
    """Stand many calls deep."""
    if depth:
        return dive(depth - 1) + 1
    STANDING.append(threading.get_ident())
    BLOCKED.wait()
    return 0


def second_loop():
    """An event loop that has nothing to do."""

    async def nap():
        STANDING.append(threading.get_ident())
        await asyncio.sleep(3600)

    asyncio.run(nap())


async def main():
    """Start everything, let it settle, and stand still inside a step."""
    parents = {}
    start_tasks(parents)
    resting = resting_agen()
    KEEP.append(resting)
    await resting.__anext__()
    for _ in range(20):
        await asyncio.sleep(0)
    start(outer(), "must cancel").cancel()
    loop = asyncio.get_running_loop()
    asyncio.current_task().set_name("main")
    KEEP.append(asyncio.current_task())
    threading.Thread(target=report, args=(loop, asyncio.current_task(), parents), name="reporter").start()
    STANDING.append(threading.get_ident())
    BLOCKED.wait()


def generators():
    """Generators in every state."""

    def count():
        yield 1
        yield 2

    fresh, resting, finished = count(), count(), count()
    next(resting)
    list(finished)
    return [
        [keep(fresh), "created", chain_of(fresh)],
        [keep(resting), "yielded", chain_of(resting)],
        [keep(finished), "finished", []],
    ]


def coded(name, value):
    """Name, address and value as literal."""
    make = SPECIAL[name][1] if name in SPECIAL else None
    return [name, keep(value), repr(make(value) if make else value)]


def settle(me):
    """Wait until every other thread stands where it stood a moment before."""
    before = None
    while len(STANDING) < 4 or before is None or before != standing_places(me):
        before = standing_places(me)
        time.sleep(0.1)


def standing_places(me):
    """Where the other threads stand."""
    return {ident: (place(frame), frame.f_lasti) for ident, frame in sys._current_frames().items() if ident != me}


def report(loop, current, parents):
    """Say everything, from a thread of its own, once all others stand still."""
    settle(threading.get_ident())
    twins = instances()
    frames = sys._current_frames()
    me = threading.get_ident()
    told = {
        "version": list(sys.version_info[:3]),
        "pid": os.getpid(),
        "values": [coded(name, value) for name, value in VALUES.items()]
        + [coded(name, value) for name, (value, _) in SPECIAL.items()],
        "attributes": {name: [keep(made), own_attributes(twins[name])] for name, made in instances().items()},
        "lengths": [[name, keep(value), length] for name, value, length in lengths()],
        "weak": weak_collections(),
        "waiting": waiting_items(),
        "functions": functions(),
        "generators": generators(),
        "threads": [[one.ident, one.native_id, one.name] for one in threading.enumerate()],
        "frames": {ident: frames_of(frame) for ident, frame in frames.items() if ident != me},
        "modules": sorted(sys.modules),
        "path": sys.path,
        "loop": id(loop),
        "current": id(current),
        "main": threading.main_thread().ident,
        "asyncgens": [id(one) for one in loop._asyncgens] if hasattr(loop, "_asyncgens") else None,
        "tasks": [describe(one) for one in KEEP if isinstance(one, asyncio.Task)],
        "parents": parents,
        "resting": [[id(one), chain_of(one)] for one in KEEP if isinstance(one, types.AsyncGeneratorType)],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.flush()
    signal.raise_signal(signal.SIGKILL)


threading.Thread(target=stand, args=("arg", 1, 2), name="standing \u00e9", daemon=True).start()
threading.Thread(target=dive, args=(350,), name="deep", daemon=True).start()
threading.Thread(target=second_loop, name="second loop", daemon=True).start()
asyncio.run(main())
