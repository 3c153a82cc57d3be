"""A program that is busy in ways it is told, until its standard input ends, for a minute at most; 3.8 to 3.15."""

import gc
import json
import signal
import sys
import threading

signal.alarm(60)
KEPT = []


def count():  # noqa: ANN201 - runs on interpreters of any age
    """Work without end."""
    while True:
        sum(range(1000))


def block(lock):  # noqa: ANN001, ANN201
    """Wait for a lock that nobody releases."""
    lock.acquire()


def collect():  # noqa: ANN201
    """Collect garbage most of the time."""
    kept = [[number] for number in range(300000)]
    while kept:
        gc.collect()
        sum(range(100000))


def fail():  # noqa: ANN201
    """Fail, and go on in the handler."""
    while True:
        try:
            open("/nowhere/at/all")  # noqa: PTH123, SIM115
        except OSError:
            sum(range(20000))


def drive():  # noqa: ANN201
    """Go in and out of a generator all the time."""
    while True:
        sum(number for number in range(20000))


def divide():  # noqa: ANN201
    """Have an interpreter beside the main one."""
    import _interpreters as interpreters  # noqa: PLC0415 - 3.13+

    KEPT.append(interpreters.create())
    threading.Event().wait()


def divide_before_3_13():  # noqa: ANN201
    """The same, under the older name."""
    import _xxsubinterpreters as interpreters  # noqa: PLC0415

    KEPT.append(interpreters.create())
    threading.Event().wait()


def main():  # noqa: ANN201
    """Start what the command line names: threads that count, that block, that collect, that drive a generator."""
    held = threading.Lock()
    held.acquire()
    starters = {"count": count, "block": lambda: block(held), "collect": collect, "drive": drive, "fail": fail}
    starters["divide"] = divide if sys.version_info >= (3, 13) else divide_before_3_13
    threads = [threading.Thread(target=starters[name], name=name, daemon=True) for name in sys.argv[1:]]
    for thread in threads:
        thread.start()
    sys.stdout.write(json.dumps({thread.name: thread.native_id for thread in threads}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


main()
