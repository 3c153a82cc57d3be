"""A program whose threads and tasks stand in known places, for a minute at most; 3.8 to 3.15.

It prints, as JSON on one line, the kernel's ids of its threads and the port of the peer that one of them waits for.
"""

import asyncio
import concurrent.futures
import json
import signal
import socket
import sys
import threading
import time

signal.alarm(60)
TIDS = {}


def note(name):  # noqa: ANN001, ANN201 - runs on interpreters of any age
    """Remember the kernel's id of the thread that calls."""
    TIDS[name] = threading.get_native_id()


def receive(peer):  # noqa: ANN001, ANN201
    """Wait for bytes that never come."""
    password, visible = "hunter2", "seen"  # noqa: S105, F841, RUF100 - this is what must not be shown
    note("receive")
    peer.recv(1)


def receive_in_time(peer):  # noqa: ANN001, ANN201
    """Wait for bytes that never come, with a time limit: by poll(2)."""
    peer.settimeout(300)
    note("poll")
    peer.recv(1)


def wait_for(lock):  # noqa: ANN001, ANN201
    """Wait for a lock."""
    note("lock")
    with lock:
        pass


def hold(lock):  # noqa: ANN001, ANN201
    """Hold a lock."""
    with lock:
        note("hold")
        time.sleep(300)


def compute():  # noqa: ANN201
    """Work without end."""
    note("compute")
    while True:
        sum(range(1000))


async def leaf():  # noqa: ANN201
    """Wait for long."""
    await asyncio.sleep(300)


async def parent():  # noqa: ANN201
    """Wait for three tasks that are the same."""
    await asyncio.gather(*[asyncio.ensure_future(leaf()) for _ in range(3)])


def start(function, *arguments):  # noqa: ANN001, ANN002, ANN201
    """Run a function in a thread of its name."""
    threading.Thread(target=function, args=arguments, name=function.__name__, daemon=True).start()


async def main():  # noqa: ANN201
    """Start everything, say so, and wait."""
    server = socket.create_server(("127.0.0.1", 0))
    peers = [socket.create_connection(server.getsockname()) for _ in range(2)]
    lock = threading.Lock()
    start(hold, lock)
    await asyncio.sleep(0.2)  # it has the lock by then
    start(receive, peers[0])
    start(receive_in_time, peers[1])
    start(wait_for, lock)
    if "compute" in sys.argv:
        start(compute)
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="pool")
    pool.submit(note, "pool").result()
    waiting = asyncio.ensure_future(parent())
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.sleep(0.3)
    sys.stdout.write(json.dumps({"tids": TIDS, "port": server.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await waiting


asyncio.run(main())
