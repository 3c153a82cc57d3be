"""What a frame is inside of: exception tables by hand, and live programs that stand in `with` blocks."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from interpreters import Interpreter, every_python, python

from spindoctor.cpython.contexts import parse_table
from spindoctor.model.locks import Wait
from spindoctor.session import look

LIFE_S = 20
BEGIN = "import signal, threading, time; signal.alarm({life})\n"
TWO_ORDERS = """
red, blue, met = threading.Lock(), threading.Condition(), threading.Barrier(2)
def move(giver, taker):
    with giver:
        met.wait()
        with taker: pass
for pair in ((red, blue), (blue, red)):
    threading.Thread(target=move, args=pair, daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(60)
"""
OWN_LOOP = """
import asyncio
async def price(): await asyncio.sleep(0.01)
async def show():
    threading.Timer(0.3, lambda: print("ready", flush=True)).start()
    asyncio.run_coroutine_threadsafe(price(), asyncio.get_event_loop()).result()
asyncio.run(show())
"""
SIGNS = """
import queue
event, work = threading.Event(), queue.Queue()
threading.Thread(target=work.get, daemon=True).start()
threading.Timer(0.3, lambda: print("ready", flush=True)).start()
event.wait()
"""


def test_an_exception_table_says_how_deep_the_stack_stays() -> None:
    """Two entries: instructions 2 to 6 keep two values, 70 to 71 keep one (its start takes two groups of six bits)."""
    table = bytes([0x80 | 2, 4, 9, 2 << 1, 0x80 | 0x40 | 1, 6, 1, 9, 1 << 1 | 1])

    assert list(parse_table(table)) == [(2, 6, 2), (70, 71, 1)]


@contextmanager
def running(interpreter: Interpreter, program: str) -> Iterator[int]:
    command = interpreter.command("-c", BEGIN.format(life=LIFE_S) + program)
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def waits(version: str, program: str) -> tuple[Wait, ...]:
    """What the last slow look at a program saw."""
    with running(python(version), program) as pid:
        return look(pid, seconds=0.5).processes[0].task_looks[-1].waits


@pytest.mark.live
@every_python
def test_each_of_two_threads_is_found_to_have_what_the_other_waits_for(version: str) -> None:
    found = waits(version, TWO_ORDERS)

    assert {wait.kind for wait in found} == {"lock"}
    assert {wait.waiter for wait in found} == {wait.holders[0] for wait in found}
    assert all(wait.holders != (wait.waiter,) for wait in found)


@pytest.mark.live
@every_python
def test_a_future_of_its_own_loop_is_found(version: str) -> None:
    found = waits(version, OWN_LOOP)

    assert [(wait.kind, wait.holders == (wait.waiter,)) for wait in found] == [("future", True)]


@pytest.mark.live
@every_python
def test_who_waits_for_a_sign_waits_for_nobody(version: str) -> None:
    assert waits(version, SIGNS) == ()
