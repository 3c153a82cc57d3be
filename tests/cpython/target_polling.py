"""A program whose selector returns at once for ever, in the way that its argument names. Runs on Python 3.8."""

import asyncio
import select
import selectors
import signal
import socket
import sys

LIFE_S = 30
NEAR, FAR = socket.socketpair()


def bare_select() -> None:
    while True:
        select.select([NEAR], [], [], 5)


def bare_poll() -> None:
    poller = select.poll()
    poller.register(NEAR, select.POLLIN)
    while True:
        poller.poll(5000)


def bare_epoll() -> None:
    poller = select.epoll()
    poller.register(NEAR.fileno(), select.EPOLLIN)
    while True:
        events = poller.poll(5)
        if not events:
            break


def standard_selector() -> None:
    selector = selectors.DefaultSelector()
    selector.register(NEAR, selectors.EVENT_READ)
    while True:
        selector.select(5)


def event_loop() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().add_reader(NEAR.fileno(), int)
        await asyncio.sleep(LIFE_S)

    asyncio.run(wait())


WAYS = {each.__name__: each for each in (bare_select, bare_poll, bare_epoll, standard_selector, event_loop)}

if __name__ == "__main__":
    signal.alarm(LIFE_S)
    FAR.send(b"x")
    sys.stdout.write(f"{NEAR.fileno()}\n")
    sys.stdout.flush()
    WAYS[sys.argv[1]]()
