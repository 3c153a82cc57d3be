"""Which functions a thread begins with, and which the interpreter calls at its end."""

from __future__ import annotations

import struct
import time
from types import SimpleNamespace
from typing import cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.hubs import EXITS, KIND, PYTHON, HubWatch
from spindoctor.probe.interpreter import Interpreter


@pytest.mark.parametrize(
    "file",
    [
        "/usr/lib/python3.12/threading.py",
        "/usr/lib/python3.12/concurrent/futures/thread.py",
        "/usr/lib/python3.12/multiprocessing/util.py",
        "/usr/lib/python3.12/logging/__init__.py",
    ],
)
def test_what_the_interpreter_calls_at_its_end_is_no_greenlet(file: str) -> None:
    assert EXITS.search(file)


@pytest.mark.parametrize("file", ["/srv/app.py", "/usr/lib/python3.12/urllib/request.py", "/srv/threading.pyx"])
def test_other_files_may_begin_a_greenlet(file: str) -> None:
    assert not EXITS.search(file)


def test_only_a_program_of_python_itself_begins_in_a_module() -> None:
    assert PYTHON.search("/usr/bin/python3.12")
    assert PYTHON.search("/srv/venv/bin/python (deleted)")
    assert not PYTHON.search("/usr/bin/uwsgi-core")


PID, HUB, GREENLET = 100, 0x10, 0x20
EV_LOOP, STRUCT = 0x3000, 0x4000


class Fields:
    """What a hub's fields lead to: another object, the wrapped loop, and its clock, which goes on at each reading."""

    def __init__(self) -> None:
        self.now = time.time()

    def words(self, address: int, count: int) -> tuple[int, ...]:
        held = {HUB + 16: (GREENLET, EV_LOOP), EV_LOOP + 16: (7, STRUCT)}.get(address, ())
        return (*held, *[0] * (count - len(held)))

    def read(self, address: int, size: int) -> bytes:
        if address != STRUCT:
            raise Unreadable(address, size)
        self.now += 0.01
        return struct.pack("<4d", self.now, 0.0, self.now - 1000.0, 1000.0)


def raw(function: str, place: int) -> RawFrame:
    return RawFrame(Frame(function, "/srv/lib.py", place), place, place, 0, 0)


RUN, WATCH, SLEEP = raw("Hub.run", 1), raw("watch", 2), raw("sleep", 3)


def watch() -> HubWatch:
    """Of a process whose hub's `run` has the hub for a `self`."""
    kinds = {HUB: ("Hub", KIND)}
    held = {RUN.address: {"self": HUB}, WATCH.address: {}, SLEEP.address: {}}
    interpreter = SimpleNamespace(
        pid=PID,
        objects=SimpleNamespace(
            type_names=lambda one: kinds.get(one, ("str",)),
            type_name=lambda one: "gevent.libev.corecext.loop" if one == EV_LOOP else "str",
            attributes=lambda _: {},
        ),
        reader=Fields(),
        locals=lambda frame: held[frame.address],
    )
    found = HubWatch(cast("Interpreter", interpreter))
    found.may_be = True
    return found


def depths(*stacks: RawStack) -> list[int]:
    """How deep inside a callback each of these looks met the hub, one after the other; -1 where it says nothing."""
    hub = watch()
    looks = [hub.looks({PID: one}, {PID: ThreadLook(PID, (), ran_ns=1)}) for one in stacks]
    return [look[0].depth if look else -1 for look in looks]


def test_a_stack_that_begins_where_the_hub_does_is_whole_whatever_began_the_one_before() -> None:
    """Up to 3.11 that is not told: hub and greenlet take turns, and each begins elsewhere than the other."""
    assert depths(RawStack((RUN,), is_complete=False)) == [0]


def test_a_greenlets_stack_is_whole_once_one_that_began_there_was() -> None:
    whole, unsure = RawStack((SLEEP, WATCH), is_complete=True), RawStack((WATCH,), is_complete=False)

    assert depths(unsure, whole, unsure) == [-1, 2, 1]


def test_a_stack_cut_in_the_middle_says_nothing() -> None:
    whole, cut = RawStack((SLEEP, WATCH), is_complete=True), RawStack((SLEEP,), is_complete=False)

    assert depths(whole, cut) == [2, -1]


def test_turns_are_told_apart_by_the_clock_of_the_loop_once_the_hub_was_seen() -> None:
    hub = watch()
    stacks = (
        RawStack((SLEEP, WATCH), is_complete=True),
        RawStack((RUN,), is_complete=False),
        RawStack((WATCH,), is_complete=True),
    )

    looks = [hub.looks({PID: one}, {PID: ThreadLook(PID, (), ran_ns=1)})[0] for one in (*stacks, stacks[2])]

    turns = [one.turn for one in looks]
    assert turns[0] is None
    assert None not in turns[1:]
    assert len(set(turns[1:])) == 3
