"""What an event loop that libuv runs shows, although no frame does: its turns, and its queue.

libuv counts its turns since 1.45 (`uv_metrics_t.loop_count`; docs.libuv.org, "Metrics operations"), whether anybody
asks or not, right before each poll. Older ones keep a clock (`uv_loop_t.time`, whole milliseconds; docs.libuv.org,
"uv_now") that they read when a turn begins and after each poll; it is read again by whoever sets a timer, so that one
turn may show as many. An extension type that wraps a loop keeps the pointer to it right behind the object's head and
its table of methods, and stores itself in the loop's first word, `data`, which proves the find. The layout of
`uv_loop_t` is fixed for all of libuv 1.x (docs.libuv.org, "Versioning": ABI stable within a major version).
"""

from __future__ import annotations

from collections.abc import Iterator

from spindoctor.cpython.objects import Objects
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread

POINTER_AT = 24
"""Behind reference count, type, and the table of methods of a Cython class."""

FIELDS_AT = 16
"""Behind reference count and type."""

TIME_AT = 544
"""`offsetof(uv_loop_t, time)` on 64-bit Linux (libuv 1.x, include/uv.h and include/uv/unix.h)."""

FIELDS_OF_LOOP_AT = 40
"""`offsetof(uv_loop_t, internal_fields)` (libuv 1.39 and later, include/uv.h)."""

COUNT_AT = 8
"""`loop_metrics.metrics.loop_count` in these (libuv 1.45 and later, src/uv-common.h). Before, the time of an entry into
the kernel stood here, which is zero unless somebody asked for idle times."""

MOST_TURNS = 2**53
"""A million turns a second for longer than anything has run; more is no count."""

MOST_MS = 2**53
"""A monotonic clock in milliseconds; more is no clock."""


QUEUE_TYPE = "collections.deque"

MOST_WORDS = 48
"""Fields of a wrapping object, or of a handle in its queue, that are looked through for what they hold."""

CALLABLE_TYPES = frozenset(
    {
        "function",
        "method",
        "functools.partial",
        "builtin_function_or_method",
        "TaskStepMethWrapper",
        "TaskWakeupMethWrapper",
        "_asyncio.TaskStepMethWrapper",
        "_asyncio.TaskWakeupMethWrapper",
    }
)
"""What `call_soon` is given, and the C implementation of `Task` gives it."""


class TurnClock:
    """The clock of one loop, and its count of turns."""

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

    def turn(self) -> int | None:
        """A number that changes with each turn: their count, or the clock where they are not counted.

        None where the loop has gone or shows neither.
        """
        now_ms = self.now_ms()
        return self._count() or now_ms if now_ms is not None else None

    def _count(self) -> int:
        """The turns since the loop was made; 0 where they are not counted, or there was none yet."""
        try:
            fields = self._reader.word(self._uv_loop + FIELDS_OF_LOOP_AT)
            count = self._reader.word(fields + COUNT_AT) if fields else 0
        except Misread:
            return 0
        return count if count < MOST_TURNS else 0


def turn_clock(reader: Reader, loop: int) -> TurnClock | None:
    """The clock behind the Python object at `loop`; None where it wraps no loop of libuv's."""
    try:
        uv_loop = reader.word(loop + POINTER_AT)
        is_its_own = bool(uv_loop) and reader.word(uv_loop) == loop
    except Misread:
        return None
    clock = TurnClock(reader, loop, uv_loop) if is_its_own else None
    return clock if clock and clock.now_ms() is not None else None


def queue(objects: Objects, reader: Reader, loop: int) -> int | None:
    """The queue of callbacks that are ready to run: the one deque among the wrapping object's fields."""
    return next(_fields(objects, reader, loop, frozenset({QUEUE_TYPE})), None)


def queued_callable(objects: Objects, reader: Reader, handle: int) -> int | None:
    """What a handle in such a queue will call; None for one of the loop's own, which is written in C."""
    return next(_fields(objects, reader, handle, CALLABLE_TYPES), None)


def _fields(objects: Objects, reader: Reader, address: int, kinds: frozenset[str]) -> Iterator[int]:
    """The objects of these types that the fields of a C object point to, in order."""
    for offset in range(FIELDS_AT, FIELDS_AT + 8 * MOST_WORDS, 8):
        try:
            word = reader.word(address + offset)
        except Misread:
            return
        if word and word % 8 == 0 and _type_name(objects, word) in kinds:
            yield word


def _type_name(objects: Objects, address: int) -> str | None:
    """What a field points to need not be an object."""
    try:
        return objects.type_name(address)
    except Misread:
        return None
