"""A program on uvloop that says what its tasks are, and waits; for a minute at most."""

import asyncio
import json
import signal
import sys
import threading

import uvloop

signal.alarm(60)


async def inner():  # noqa: ANN201 - as the other targets
    """Wait."""
    await asyncio.sleep(3600)


async def main():  # noqa: ANN201
    """Start a task, and say what there is."""
    task = asyncio.ensure_future(inner())
    task.set_name("inner")
    await asyncio.sleep(0)
    told = {
        "loop": id(asyncio.get_running_loop()),
        "task": id(task),
        "main": id(asyncio.current_task()),
        "ident": threading.get_ident(),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await task


uvloop.run(main())
