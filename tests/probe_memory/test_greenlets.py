"""Frames of greenlets in await chains, among objects laid out by hand."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.probe.greenlets import KIND, MOST_ASKED, STRUCTURE_AT, WORDS, Greenlets
from spindoctor.probe.interpreter import Interpreter

GREENLET, OTHER, STRUCTURE, FRAME, TEXT = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
PLACE = 7
"""Which word of the structure is the frame."""


def raw(function: str, code: int, **variables: int) -> RawFrame:
    fake: Any = SimpleNamespace(frame=Frame(function, "/srv/app.py", 1), address=code, code=code, variables=variables)
    return cast("RawFrame", fake)


INNER = (raw("recv", 1), raw("query", 2))


class Target:
    """A process with the extension loaded: one suspended greenlet, whose structure points to its frame."""

    def __init__(self, *, has_module: bool = True, place: int | None = PLACE) -> None:
        self.has_module = has_module
        self.words = [TEXT] * WORDS
        if place is not None:
            self.words[place] = FRAME
        self.asked: list[int] = []
        self.objects = self.reader = self

    def module(self, name: str) -> int | None:
        assert name == "greenlet"
        return 0x9000 if self.has_module else None

    def locals(self, one: RawFrame) -> dict[str, int]:
        self.asked.append(one.code)
        return cast("Any", one).variables

    def type_names(self, address: int) -> tuple[str, ...]:
        return ("_AsyncIoGreenlet", KIND, "object") if address == GREENLET else ("str", "object")

    def type_name(self, address: int) -> str:
        if address not in {FRAME, TEXT}:
            raise Unreadable(address, 8)
        return "frame" if address == FRAME else "str"

    def word(self, address: int) -> int:
        assert address == GREENLET + STRUCTURE_AT
        return STRUCTURE

    def read(self, address: int, size: int) -> bytes:
        assert (address, size) == (STRUCTURE, 8 * WORDS)
        return struct.pack(f"<{WORDS}Q", *self.words)

    def frames_of(self, address: int) -> tuple[RawFrame, ...]:
        return INNER if address == FRAME else ()


def greenlets(target: Target) -> Greenlets:
    return Greenlets(cast("Interpreter", target))


SPAWN, VIEW = raw("greenlet_spawn", 10, context=GREENLET, result=OTHER), raw("view", 11)


def test_the_frames_of_a_greenlet_stand_before_the_frame_that_has_it() -> None:
    joined = greenlets(Target()).joined((SPAWN, VIEW))

    assert joined == (*INNER, SPAWN, VIEW)


def test_without_the_extension_a_chain_is_as_it_is_and_no_frame_is_asked() -> None:
    target = Target(has_module=False)

    assert greenlets(target).joined((SPAWN, VIEW)) == (SPAWN, VIEW)
    assert target.asked == []


def test_a_greenlet_that_runs_or_has_ended_adds_nothing() -> None:
    """None of the words points to a frame."""
    assert greenlets(Target(place=None)).joined((SPAWN, VIEW)) == (SPAWN, VIEW)


def test_the_place_of_the_frame_is_looked_for_once() -> None:
    """Where it was found once, another word that is a frame by chance is not taken for it."""
    target = Target()
    reader = greenlets(target)
    reader.joined((SPAWN,))
    target.words[PLACE], target.words[PLACE + 1] = TEXT, FRAME

    assert reader.joined((SPAWN,)) == (SPAWN,)


def test_a_function_that_never_has_a_greenlet_is_asked_no_more() -> None:
    target = Target()
    reader = greenlets(target)
    for _ in range(MOST_ASKED + 2):
        reader.joined((VIEW,))

    assert target.asked == [VIEW.code] * MOST_ASKED


def test_a_function_that_has_one_again_is_asked_on() -> None:
    """Twice its greenlet is not suspended; then it is, and the count begins anew."""
    target = Target(place=None)
    reader = greenlets(target)
    for _ in range(MOST_ASKED - 1):
        reader.joined((SPAWN,))
    target.words[PLACE] = FRAME
    reader.joined((SPAWN,))
    target.words[PLACE] = TEXT
    for _ in range(MOST_ASKED - 1):
        reader.joined((SPAWN,))
    target.words[PLACE] = FRAME

    assert reader.joined((SPAWN,)) == (*INNER, SPAWN)


@pytest.mark.parametrize("name", ["module", "locals", "type_names", "word", "read"])
def test_what_cannot_be_read_leaves_the_chain_as_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target()

    def torn(*_: object) -> None:
        raise Unreadable(0, 8)

    monkeypatch.setattr(target, name, torn)

    assert greenlets(target).joined((SPAWN, VIEW)) == (SPAWN, VIEW)
