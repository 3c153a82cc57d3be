"""The clock of a loop that libuv runs, found by structure alone, in words laid out by hand."""

from __future__ import annotations

from typing import cast

import pytest

from spindoctor.cpython.reader import Reader
from spindoctor.errors import Unreadable
from spindoctor.probe.libuv import TurnClock, turn_clock

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


def test_a_loop_that_is_closed_meanwhile_shows_no_time() -> None:
    words = dict(WRAPPED)
    found = clock(words)
    words[UV_LOOP] = 0

    assert found
    assert found.now_ms() is None
