"""The clock of a loop that libuv runs and its count of turns, found by structure alone, in words laid out by hand."""

from __future__ import annotations

from typing import cast

import pytest

from spindoctor.cpython.objects import Objects
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Unreadable
from spindoctor.probe.libuv import TurnClock, queue, queued_callable, turn_clock

LOOP, UV_LOOP = 0x1000, 0x8000
WRAPPED = {LOOP + 24: UV_LOOP, UV_LOOP: LOOP, UV_LOOP + 544: 123_456}


class Words:
    """Memory of which some words are known."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words

    def word(self, address: int) -> int:
        if address not in self.words:
            raise Unreadable(address, 8)
        return self.words[address]


def clock(words: dict[int, int]) -> TurnClock | None:
    return turn_clock(cast("Reader", Words(words)), LOOP)


def test_a_loop_that_names_the_object_as_its_own_shows_its_clock() -> None:
    found = clock(WRAPPED)

    assert found
    assert found.now_ms() == 123_456


@pytest.mark.parametrize(
    "words",
    [
        {},
        {LOOP + 24: 0},
        {LOOP + 24: UV_LOOP},
        {**WRAPPED, UV_LOOP: LOOP + 8},
        {**WRAPPED, UV_LOOP + 544: 0},
        {**WRAPPED, UV_LOOP + 544: 2**60},
    ],
    ids=["unreadable", "no pointer", "points nowhere", "another's loop", "no time", "no clock"],
)
def test_anything_else_has_none(words: dict[int, int]) -> None:
    assert clock(words) is None


FIELDS = 0x9000
COUNTED = {**WRAPPED, UV_LOOP + 40: FIELDS, FIELDS + 8: 77}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (COUNTED, 77),
        (WRAPPED, 123_456),
        ({**COUNTED, UV_LOOP + 40: 0}, 123_456),
        ({**COUNTED, FIELDS + 8: 0}, 123_456),
        ({**COUNTED, FIELDS + 8: 2**60}, 123_456),
    ],
    ids=["counted", "no such field", "none of these", "not counted", "no count"],
)
def test_a_turn_is_told_by_their_count_or_else_by_the_clock(words: dict[int, int], expected: int) -> None:
    found = clock(words)

    assert found
    assert found.turn() == expected


def test_a_timer_that_is_set_makes_no_turn() -> None:
    """It moves the clock on, within one turn."""
    words = dict(COUNTED)
    found = clock(words)
    before = found.turn() if found else None
    words[UV_LOOP + 544] += 5

    assert found
    assert before == found.turn() == 77


def test_a_loop_that_is_closed_meanwhile_shows_no_time() -> None:
    words = dict(WRAPPED)
    found = clock(words)
    words[UV_LOOP] = 0

    assert found
    assert found.now_ms() is None
    assert found.turn() is None


class Types:
    """Objects of which only the types are known."""

    def __init__(self, types: dict[int, str]) -> None:
        self.types = types

    def type_name(self, address: int) -> str:
        if address not in self.types:
            raise Unreadable(address, 8)
        return self.types[address]


def test_the_queue_is_the_deque_among_the_fields_and_a_handle_calls_its_callable() -> None:
    """Fields that point to no object, and a context beside the callable, are passed over."""
    fields = {LOOP + 8 * number: 0 for number in range(2, 60)}
    fields |= {LOOP + 32: 0x10, LOOP + 48: 0xBAD1, LOOP + 96: 0x500}
    objects = cast("Objects", Types({0x10: "dict", 0x500: "collections.deque", 0x20: "Context", 0x28: "method"}))
    handle = {0x700 + 8 * number: 0 for number in range(2, 60)} | {0x700 + 32: 0x20, 0x700 + 72: 0x28}

    assert queue(objects, cast("Reader", Words(fields)), LOOP) == 0x500
    assert queued_callable(objects, cast("Reader", Words(handle)), 0x700) == 0x28
    assert queued_callable(objects, cast("Reader", Words({})), 0x700) is None
