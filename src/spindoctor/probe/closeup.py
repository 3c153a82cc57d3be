"""What is read once, at the end of a look: local variables, and the descriptors that threads wait for in poll(2)."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread
from spindoctor.model.closeup import Polled, Values
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.interpreter import Interpreter, RawFrame
from spindoctor.probe.texts import describe, is_secret

MOST_S = 1.0
"""Variables are for a person: of a service with thousands of tasks nobody reads them all."""

MOST_FRAMES = 40
"""Of one stack."""

MOST_NAMES = 40
"""Of one frame: more are a module's, and stand in its source."""

MOST_POLLED = 16
POLL_CALLS = frozenset({"poll", "ppoll"})
POLLFD = struct.Struct("<ihh")
"""`struct pollfd`: descriptor, events asked for, events returned (poll(2))."""


@dataclass(frozen=True, slots=True)
class CloseUp:
    """All that was read of one process."""

    values: tuple[Values, ...] = ()
    polled: tuple[Polled, ...] = ()


class CloseUpReader:
    """Reads through one interpreter."""

    def __init__(self, interpreter: Interpreter, with_values: bool) -> None:  # noqa: FBT001 - asked for or not
        """Nothing is read yet; `with_values` asks for local variables."""
        self._interpreter = interpreter
        self._with_values = with_values
        self._end_s = 0.0

    def read(
        self,
        stacks: Mapping[int, RawStack],
        chains: Mapping[int, Sequence[RawFrame]],
        looks: Mapping[int, ThreadLook],
    ) -> CloseUp:
        """Of these threads by kernel id, and of these await chains by task. What cannot be read is left out."""
        self._end_s = time.monotonic() + MOST_S
        polled = tuple(one for look in looks.values() if (one := self._polled(look)))
        values: list[Values] = []
        if self._with_values:
            for tid in looks.keys() & stacks.keys():
                values += [replace(one, tid=tid) for one in self._values(stacks[tid].frames)]
            for task, frames in chains.items():
                values += [replace(one, task=task) for one in self._values(frames)]
        return CloseUp(tuple(values), polled)

    def _values(self, frames: Sequence[RawFrame]) -> Iterator[Values]:
        for depth, raw in enumerate(frames[:MOST_FRAMES]):
            if time.monotonic() > self._end_s:
                return
            try:
                found = list(self._interpreter.locals(raw).items())[:MOST_NAMES]
            except Misread:
                continue
            if found:
                texts = tuple(self._text(name, address) for name, address in found)
                yield Values(depth, tuple(name for name, _ in found), texts)

    def _text(self, name: str, address: int) -> str:
        """A value in words. One that is secret by its variable's name is not even read."""
        if is_secret(name):
            return "***"
        try:
            return describe(self._interpreter.objects.value(address, depth=2, limit=100))
        except Misread:
            return "(not readable)"

    def _polled(self, look: ThreadLook) -> Polled | None:
        call = look.call
        if call is None or call.name not in POLL_CALLS or len(call.arguments) <= 1:
            return None
        many = min(call.arguments[1], MOST_POLLED)
        try:
            block = self._interpreter.memory.read(call.arguments[0], many * POLLFD.size) if many else b""
        except Misread:
            return None
        return Polled(look.tid, tuple(fd for fd, _, _ in POLLFD.iter_unpack(block) if fd >= 0))
