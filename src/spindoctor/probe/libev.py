"""The clock of an event loop that libev runs, which tells its turns apart although no frame does.

A `struct ev_loop` begins with four numbers (libev 4: ev.c and ev_vars.h): the real time of this turn, when that was
last compared with the system's, the monotonic time of this turn, and the difference of both clocks. libev reads its
clocks once a turn, after each poll; who sets a timer may have them read again, so that one turn may show as many. An
extension type that wraps a loop has the pointer to it among its fields: that the first number is the sum of the third
and fourth, and lies near the present, proves the find.
"""

from __future__ import annotations

import math
import struct
import time

from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread
from spindoctor.probe.libuv import FIELDS_AT

MOST_WORDS = 48
"""Fields of a wrapping object that are looked through: it keeps some watchers of its own before the pointer."""

HEAD = struct.Struct("<4d")

MOST_APART_S = 0.001
"""Real time and the sum differ by rounding alone."""

MOST_AGE_S = 366 * 86_400.0
"""A loop that has not turned for a year is none."""

MOST_AHEAD_S = 60.0


class TurnClock:
    """The clock of one loop."""

    def __init__(self, reader: Reader, ev_loop: int) -> None:
        """`ev_loop` is where the `struct ev_loop` lies."""
        self._reader = reader
        self._ev_loop = ev_loop

    def turn(self) -> float | None:
        """When this turn began, in seconds of the monotonic clock; None where there is no such clock."""
        try:
            real, _, monotonic, apart = HEAD.unpack(self._reader.read(self._ev_loop, HEAD.size))
        except Misread:
            return None
        is_sum = all(map(math.isfinite, (real, monotonic, apart))) and abs(real - monotonic - apart) <= MOST_APART_S
        age_s = time.time() - real if is_sum else math.inf
        return monotonic if monotonic > 0 and -MOST_AHEAD_S <= age_s <= MOST_AGE_S else None


def turn_clock(reader: Reader, loop: int) -> TurnClock | None:
    """The clock behind the Python object at `loop`; None where it wraps no loop of libev's."""
    try:
        words = reader.words(loop + FIELDS_AT, MOST_WORDS)
    except Misread:
        return None
    clocks = (TurnClock(reader, word) for word in dict.fromkeys(words) if word and not word % 8)
    return next((clock for clock in clocks if clock.turn() is not None), None)
