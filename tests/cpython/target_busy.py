"""A program that is busy in ways it is told, until its standard input ends, for a minute at most; 3.8 to 3.15."""

import gc
import json
import signal
import sys
import threading

signal.alarm(60)


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


def main():  # noqa: ANN201
    """Start what the command line names: threads that count, that block, that collect, that drive a generator."""
    held = threading.Lock()
    held.acquire()
    starters = {"count": count, "block": lambda: block(held), "collect": collect, "drive": drive, "fail": fail}
    threads = [threading.Thread(target=starters[name], name=name, daemon=True) for name in sys.argv[1:]]
    for thread in threads:
        thread.start()
    sys.stdout.write(json.dumps({thread.name: thread.native_id for thread in threads}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


main()
