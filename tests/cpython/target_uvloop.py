"""A program on uvloop that says what its tasks are, and waits; for a minute at most."""

import asyncio
import json
import signal
import socket
import sys
import threading

import uvloop

signal.alarm(60)


async def inner():  # noqa: ANN201 - as the other targets
    """Wait."""
    await asyncio.sleep(3600)


def listening():  # noqa: ANN201
    """A socket that nobody connects to."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0)
    return server


async def through_compiled():  # noqa: ANN201
    """Wait inside of a coroutine of the loop's own, which is compiled."""
    with listening() as server:
        await asyncio.get_running_loop().sock_accept(server)


async def main():  # noqa: ANN201
    """Start a task, and say what there is."""
    task = asyncio.ensure_future(inner())
    task.set_name("inner")
    compiled = asyncio.ensure_future(through_compiled())
    await asyncio.sleep(0)
    told = {
        "loop": id(asyncio.get_running_loop()),
        "task": id(task),
        "compiled": id(compiled),
        "main": id(asyncio.current_task()),
        "ident": threading.get_ident(),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await task


uvloop.run(main())
