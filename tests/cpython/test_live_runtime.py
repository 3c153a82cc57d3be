"""The GIL, the collector and running stacks of busy programs, on every supported interpreter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cases import HERE, started
from interpreters import every_python, python

from spindoctor.cpython.exceptions import RawException
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live

BUSY = HERE / "target_busy.py"
FUTEX = 202  # system call number on x86_64
LOOKS = 20_000  # the end of every search; one of them takes some twenty microseconds
PATIENCE_S = 10
TORN_SHARE = 0.05  # of the looks at a thread in plain Python code


@contextmanager
def busy(version: str, *ways: str) -> Iterator[tuple[Interpreter, dict[str, Any]]]:
    """A program whose threads are busy in these ways: its reader, and the kernel's ids of its threads."""
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(BUSY), *ways)) as (pid, told):
        yield Interpreter.attach(pid), told


def futex_of(pid: int, tid: int) -> int | None:
    """The address of the futex that a thread sleeps on."""
    call = Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()
    return int(call[1], 16) if call[0] == str(FUTEX) else None


@every_python
def test_a_thread_that_waits_for_the_gil_sleeps_on_a_futex_inside_it(version: str) -> None:
    with busy(version, "count", "count", "count", "block") as (interpreter, told):
        gil = interpreter.gil()
        tids = [int(path.name) for path in Path(f"/proc/{interpreter.pid}/task").iterdir()]
        others = [tid for tid in tids if tid not in {interpreter.pid, told["block"]}]
        waiters: set[int] = set()
        for _ in range(LOOKS):
            waiters |= {tid for tid in others if gil.contains(futex_of(interpreter.pid, tid) or 0)}
            if waiters == set(others):
                break
        blocked = futex_of(interpreter.pid, told["block"])

    assert waiters == set(others)
    assert blocked is not None
    assert not gil.contains(blocked)


@every_python
def test_interpreters_beside_the_main_one_are_counted(version: str) -> None:
    with busy(version, "divide") as (interpreter, _):
        end_s = time.monotonic() + PATIENCE_S
        while not interpreter.sub_interpreters() and time.monotonic() < end_s:
            time.sleep(0.01)

        assert interpreter.sub_interpreters() == 1
    with busy(version, "block") as (interpreter, _):
        assert interpreter.sub_interpreters() == 0


@every_python
def test_the_holder_is_a_thread_and_switches_are_counted(version: str) -> None:
    with busy(version, "count", "count") as (interpreter, _):
        first = interpreter.gil().switch_number
        addresses = {thread.address for thread in interpreter.threads()}
        holders: set[int] = set()
        for _ in range(LOOKS):
            gil = interpreter.gil()
            holders.add(gil.holder)
            if len(holders - {0}) > 1 and gil.switch_number > first:
                break

    assert len(holders - {0}) > 1
    assert holders <= {0, *addresses}
    assert gil.switch_number > first


@every_python
def test_a_collection_is_seen_while_it_lasts(version: str) -> None:
    with busy(version, "collect") as (interpreter, _):
        seen: set[bool] = set()
        for _ in range(LOOKS):
            seen.add(interpreter.is_collecting())
            if len(seen) > 1:
                break

    assert seen == {True, False}


@every_python
def test_few_looks_at_running_code_are_torn(version: str) -> None:
    with busy(version, "count") as (interpreter, told):
        thread = next(one for one in interpreter.threads() if one.native_id == told["count"])
        good = 0
        for _ in range(1000):
            try:
                stack = interpreter.stack(thread.address)
            except Misread:
                continue
            good += stack.is_complete and stack.frames[-1].frame.function.endswith("_bootstrap")

    assert good >= 1000 * (1 - TORN_SHARE)


@pytest.mark.usefixtures("one_cpu")
@every_python
def test_a_generator_driven_from_c_stays_on_its_stack(version: str) -> None:
    with busy(version, "drive") as (interpreter, told):
        thread = next(one for one in interpreter.threads() if one.native_id == told["drive"])
        is_inside = False
        for _ in range(LOOKS):
            try:
                stack = interpreter.stack(thread.address)
            except Misread:
                continue
            is_inside = bool(stack.is_complete and stack.frames and "genexpr" in stack.frames[0].frame.function)
            if is_inside:
                break

    assert is_inside


@pytest.mark.usefixtures("one_cpu")
@every_python
def test_the_exception_that_is_being_handled_is_read_with_its_text_and_places(version: str) -> None:
    with busy(version, "fail") as (interpreter, _):
        for _ in range(LOOKS):
            found = [one for thread in interpreter.threads() if (one := handled(interpreter, thread.address))]
            if found:
                break

    assert (found[0].kind, found[0].text) == ("FileNotFoundError", "No such file or directory")
    assert [place.function for place in found[0].places] == ["fail"]


def handled(interpreter: Interpreter, thread: int) -> RawException | None:
    """What the thread handles; None where it was gone by the time it was read."""
    try:
        return interpreter.handled_exception(thread)
    except Misread:
        return None
