"""The clock of an event loop that libuv runs: a value that changes from turn to turn, where no frame shows the turns.

libuv reads the clock when a turn begins and after each poll, and keeps it in its loop (`uv_loop_t.time`, whole
milliseconds; docs.libuv.org, "uv_now"). An extension type that wraps a loop keeps the pointer to it right behind the
object's head and its table of methods, and stores itself in the loop's first word, `data`, which proves the find. The
layout of `uv_loop_t` is fixed for all of libuv 1.x (docs.libuv.org, "Versioning": ABI stable within a major version).
"""

from __future__ import annotations

from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread

POINTER_AT = 24
"""Behind reference count, type, and the table of methods of a Cython class."""

TIME_AT = 544
"""`offsetof(uv_loop_t, time)` on 64-bit Linux (libuv 1.x, include/uv.h and include/uv/unix.h)."""

MOST_MS = 2**53
"""A monotonic clock in milliseconds; more is no clock."""


class TurnClock:
    """The clock of one loop."""

    def __init__(self, reader: Reader, loop: int, uv_loop: int) -> None:
        """`loop` is the Python object, `uv_loop` the `uv_loop_t` that names it as its own."""
        self._reader = reader
        self._loop = loop
        self._uv_loop = uv_loop

    def now_ms(self) -> int | None:
        """When the turn began; None where the loop has gone or shows no clock."""
        try:
            if self._reader.word(self._uv_loop) != self._loop:
                return None
            value = self._reader.word(self._uv_loop + TIME_AT)
        except Misread:
            return None
        return value if 0 < value < MOST_MS else None


def turn_clock(reader: Reader, loop: int) -> TurnClock | None:
    """The clock behind the Python object at `loop`; None where it wraps no loop of libuv's."""
    try:
        uv_loop = reader.word(loop + POINTER_AT)
        is_its_own = bool(uv_loop) and reader.word(uv_loop) == loop
    except Misread:
        return None
    clock = TurnClock(reader, loop, uv_loop) if is_its_own else None
    return clock if clock and clock.now_ms() is not None else None
