"""What threads that burn CPU hold in their variables, read some twenty times a second: does anything change?

Only the hottest threads are read, and no more often than our own time allows.
"""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.classes import EXCEPTION
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread
from spindoctor.model.hot import HotLook, Match
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.matches import MatchReader
from spindoctor.probe.selectors import SelectorWatch

LOOKS_PER_S = 25.0
"""Forty milliseconds apart: enough to count, and a tenth of our own time where one takes four."""

MOST_OWN_SHARE = 0.1
HOT_SHARE = 0.25
"""Below a quarter of a core a thread does not burn; on a crowded machine a spin may get no more than a third."""

MOST_THREADS = 2
MOST_FRAMES = 12
MOST_NAMES = 16
MOST_ATTRIBUTES = 16
MOST_ITEMS = 32
"""Items of a container, characters of a text."""

MOST_LOOKS = 2000
CLOCK_S = 60.0
"""A float within a minute of now is a clock's reading: it grows whether or not anything is done."""


class HotWatch:
    """Follows the threads of one process. `looks` are what has been read so far."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._reader = HotReader(interpreter)
        self._selectors = SelectorWatch(interpreter)
        self._ran: Counter[int] = Counter()
        self._hot: Sequence[int] = ()
        self._last_s = 0.0
        self._next_s = 1 / LOOKS_PER_S
        self.looks: list[HotLook] = []

    def follow(self, at_s: float, threads: Iterable[ThreadLook], stacks: Mapping[int, RawStack]) -> None:
        """Add up who ran; when it is time, read those who ran most and were running just now."""
        now = {look.tid: look.ran_ns for look in threads if look.ran_ns and look.call is None}
        self._ran.update(now)
        self._selectors.follow(at_s, {tid: stacks[tid].frames for tid in self._hot if tid in now and tid in stacks})
        if at_s < self._next_s or len(self.looks) >= MOST_LOOKS:
            return
        enough = HOT_SHARE * (at_s - self._last_s) * 1e9
        hot = [tid for tid, ran in self._ran.most_common(MOST_THREADS) if ran >= enough and tid in now]
        self._hot = hot
        self._ran.clear()
        self._last_s, before_s = at_s, time.monotonic()
        self.looks.extend(self._reader.look(at_s, tid, stacks[tid].frames) for tid in hot if tid in stacks)
        took_s = time.monotonic() - before_s
        self._next_s = at_s + max(1 / LOOKS_PER_S, took_s / MOST_OWN_SHARE)

    def finish(self, seen: ProcessRecording) -> ProcessRecording:
        """The recording with all that was seen here."""
        return self._selectors.finish(replace(seen, hot_looks=tuple(self.looks)))

    def close(self) -> None:
        """Close what is kept open."""
        self._selectors.close()


class HotReader:
    """Reads what frames hold; whatever cannot be read right now counts as something that differs."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._matches = MatchReader(interpreter)
        self._torn = 0

    def look(self, at_s: float, tid: int, frames: Sequence[RawFrame]) -> HotLook:
        """One look at a stack, innermost frame first."""
        caught: list[str] = []
        marks = [self._mark(raw, caught) for raw in frames[:MOST_FRAMES]]
        return HotLook(
            at_s=at_s,
            tid=tid,
            stack=tuple(raw.frame for raw in frames),
            marks=tuple(marks),
            caught=tuple(dict.fromkeys(caught)),
            match=self._match(frames),
        )

    def _match(self, frames: Sequence[RawFrame]) -> Match | None:
        try:
            return self._matches.read(frames[0]) if frames else None
        except Misread:
            return None

    def _mark(self, raw: RawFrame, caught: list[str]) -> int:
        """A number that is the same where the frame's variables hold the same; never the same where they are torn."""
        try:
            names = sorted(self._interpreter.locals(raw).items())[:MOST_NAMES]
        except Misread:
            self._torn += 1
            return -self._torn
        seen = [(name, self._value(address, caught)) for name, address in names]
        return zlib.crc32(repr(seen).encode("utf-8", "replace"))

    def _value(self, address: int, caught: list[str]) -> object:
        try:
            simple = self._simple(address, caught)
            return simple if simple is not None else self._object(address)
        except Misread:
            return address

    def _simple(self, address: int, caught: list[str] | None = None) -> object:
        """A plain value, a container's size, or an exception's type; None for any other object."""
        found = self._objects.classes.of(address)
        if found.flags & EXCEPTION:
            if caught is not None:
                caught.append(found.name)
            return "an exception"
        if found.name in {"NoneType", "bool", "int", "float"}:
            return self._number(address)
        try:
            length = self._objects.length(address)
        except Misread:
            return None
        return (found.name, length, self._objects.value(address, 1, MOST_ITEMS))

    def _number(self, address: int) -> object:
        value = self._objects.value(address)
        if isinstance(value, float) and min(abs(value - time.time()), abs(value - time.monotonic())) < CLOCK_S:
            return "a clock"
        return (value,)

    def _object(self, address: int) -> object:
        """Which object it is, and the plain values that it holds."""
        attributes = sorted(self._objects.attributes(address).items())[:MOST_ATTRIBUTES]
        return (address, [(name, self._attribute(value)) for name, value in attributes])

    def _attribute(self, address: int) -> object:
        try:
            return self._simple(address)
        except Misread:
            return None
