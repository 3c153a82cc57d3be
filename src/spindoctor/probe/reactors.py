"""Event loops that are none of asyncio's: a thread whose outer functions work with an epoll of their own.

A loop written in Python keeps its `select.epoll` in reach: in a local variable of the function that goes round, or an
attribute or two away from one. Which library's it is does not matter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.sample import EPOLL_WAITS, Sample
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.loops import OBJECT_HEAD_BYTES

EPOLL_TYPE = "select.epoll"

MOST_FRAMES = 12
"""The function that goes round is near the bottom of the stack."""

MOST_OBJECTS = 400
"""Looked at for one thread, once: a few milliseconds."""

NO_HOLDERS = frozenset({"module", "type", "function", "builtin_function_or_method", "method"})
"""What every program has in its globals, and what leads everywhere."""

MOST_STEPS = 2
"""From a variable to the epoll: the loop, its selector, the epoll."""


def may_wait(pid: int, samples: Iterable[Sample]) -> set[int]:
    """The threads worth asking, by kernel id: the main one, and those that were seen waiting in an epoll."""
    looks = (look for sample in samples for look in sample.threads)
    return {pid, *(look.tid for look in looks if look.call and look.call.name in EPOLL_WAITS)}


def epoll_of(interpreter: Interpreter, frames: Sequence[RawFrame]) -> int | None:
    """The descriptor of the epoll that the outermost of these frames (innermost first) hold; None without one."""
    waiting = deque((address, 0) for raw in frames[: -MOST_FRAMES - 1 : -1] for address in _variables(interpreter, raw))
    seen: set[int] = set()
    while waiting and len(seen) < MOST_OBJECTS:
        address, steps = waiting.popleft()
        if address in seen or not address:
            continue
        seen.add(address)
        try:
            kind = interpreter.objects.type_name(address)
            if kind == EPOLL_TYPE:
                return interpreter.reader.int32(address + OBJECT_HEAD_BYTES)
            if steps < MOST_STEPS and kind not in NO_HOLDERS:
                waiting.extend((one, steps + 1) for one in interpreter.objects.attributes(address).values())
        except Misread:
            continue
    return None


def _variables(interpreter: Interpreter, raw: RawFrame) -> Sequence[int]:
    try:
        return tuple(interpreter.locals(raw).values())
    except Misread:
        return ()
