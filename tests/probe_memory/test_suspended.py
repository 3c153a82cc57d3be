"""Suspended greenlets are found in a process's memory by their class, and read again only where they have moved."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.memory import Image
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.tasks import HUB
from spindoctor.probe import suspended
from spindoctor.probe.greenlets import STRUCTURE_AT
from spindoctor.probe.hubs import Hub
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.requests import RouteFinder
from spindoctor.probe.suspended import SuspendedGreenlets

AREA, TABLE = 0x7F0000000000, 0x7F1111111100
"""Where the extension's structures lie, and the table of their class."""

HUB_GREENLET, WAITING, RUNNING, MAIN, OTHER = 0x7F2200000000, 0x7F2200000100, 0x7F2200000200, 0x7F2200000300, 0x99
STRUCTURES = {HUB_GREENLET: AREA, WAITING: AREA + 0x20, RUNNING: AREA + 0x40, MAIN: AREA + 0x60}
MAPS = (
    f"{AREA:x}-{AREA + 0x1000:x} rw-p 00000000 00:00 0 \n{AREA + 0x1000:x}-{AREA + 0x2000:x} r--p 00000000 00:00 0 \n"
)
LOOP = Hub(100, HUB_GREENLET)


def raw(function: str, address: int) -> RawFrame:
    return RawFrame(Frame(function, "/srv/app.py", 7), address, address, 0, 0)


class Target:
    """A process with four such structures, and a word that begins none."""

    def __init__(self) -> None:
        words = [word for greenlet in STRUCTURES for word in (TABLE, greenlet, 0, 0)] + [TABLE, OTHER]
        self.memory = Image([(AREA, struct.pack(f"<{len(words)}Q", *words).ljust(0x1000, b"\0"))])
        self.objects = self.reader = self
        self.layout = None
        self.pid = 4711
        self.moves = 0

    def read_many(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        return [bytes([self.moves])] * len(ranges)

    def word(self, address: int) -> int:
        owners = {greenlet + STRUCTURE_AT: place for greenlet, place in STRUCTURES.items()}
        if address not in {*owners, AREA}:
            raise Unreadable(address, 8)
        return owners.get(address, TABLE)

    def type_name(self, address: int) -> str:
        return "Greenlet" if address == WAITING else "greenlet.greenlet"

    def locals(self, _: RawFrame) -> dict[str, int]:
        return {}


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> tuple[SuspendedGreenlets, Target, list[int]]:
    """Who follows the greenlets, the process, and the addresses that were read."""
    target, asked = Target(), list[int]()
    frames = {WAITING: (raw("reserve", 2), raw("handle", 1)), MAIN: (raw("wait", 4), raw("<module>", 3))}

    def read(address: int) -> tuple[RawFrame, ...]:
        asked.append(address)
        return frames.get(address, ())

    shape = SimpleNamespace(size=80)
    monkeypatch.setattr(suspended, "try_text", lambda _: MAPS)
    monkeypatch.setattr(suspended.FrameShape, "of", lambda _: shape)
    monkeypatch.setattr(suspended, "Greenlets", lambda _: SimpleNamespace(suspended=read))
    interpreter = cast("Interpreter", cast("Any", target))
    routes = cast("RouteFinder", SimpleNamespace(find=lambda _: None))
    return SuspendedGreenlets(interpreter, routes, clock=lambda: 1.0), target, asked


def test_what_is_suspended_is_told_as_a_task_of_its_hub(
    follower: tuple[SuspendedGreenlets, Target, list[int]],
) -> None:
    """The main program and what runs are none."""
    greenlets, _, _ = follower
    assert greenlets.is_searching(LOOP)

    (task,) = greenlets.look(LOOP)

    assert (task.name, task.coroutine, task.loop, task.waits_on) == ("Greenlet-1", "handle", 100, HUB)
    assert [one.function for one in task.chain] == ["reserve", "handle"]
    assert list(greenlets.chains) == [task.address]
    assert not greenlets.is_searching(LOOP)


def test_without_a_hub_nothing_is_searched(follower: tuple[SuspendedGreenlets, Target, list[int]]) -> None:
    greenlets, _, asked = follower

    assert greenlets.look(None) == ()
    assert not asked


def test_who_has_not_moved_is_not_read_again(follower: tuple[SuspendedGreenlets, Target, list[int]]) -> None:
    greenlets, target, asked = follower
    first = greenlets.look(LOOP)
    reads = asked.count(WAITING)

    again = greenlets.look(LOOP)
    unmoved = asked.count(WAITING)
    target.moves = 1
    moved = greenlets.look(LOOP)

    assert again[0] is first[0]
    assert moved[0].address != first[0].address
    assert unmoved == reads
    assert asked.count(WAITING) == reads + 1


@pytest.mark.parametrize(("torn", "is_found"), [(2, True), (3, False)])
def test_one_that_goes_on_while_it_is_read_is_tried_again(
    follower: tuple[SuspendedGreenlets, Target, list[int]],
    monkeypatch: pytest.MonkeyPatch,
    torn: int,
    *,
    is_found: bool,
) -> None:
    """Three times, no more."""
    greenlets, target, asked = follower
    left = iter([True] * torn)

    def read(ranges: list[tuple[int, int]]) -> list[bytes]:
        if next(left, False):
            raise Unreadable(1, 8)
        return [b"x"] * len(ranges)

    monkeypatch.setattr(target, "read_many", read)

    assert bool(greenlets.look(LOOP)) is is_found
    assert asked.count(WAITING) == 3
