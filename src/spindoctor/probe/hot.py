"""What threads that burn CPU hold in their variables, read some twenty times a second: does anything change?

Only the hottest threads are read, and no more often than our own time allows. Which exception they are handling is read
at every look: it is there for a moment only.
"""

from __future__ import annotations

import functools
import re
import time
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.classes import BYTES, EXCEPTION, TEXT, Class
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread, Unreadable
from spindoctor.model.hot import Failure, Held, HotLook, Match
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.failing import FailureReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.matches import MatchReader
from spindoctor.probe.selectors import SelectorWatch

LOOKS_PER_S = 25.0
"""Forty milliseconds apart: enough to count, and a tenth of our own time where one takes four."""

MOST_OWN_SHARE = 0.1
HOT_SHARE = 0.15
"""Below a seventh of a core a thread does not burn, unless it is restless."""

RESTLESS_SHARE = 0.05
"""One that naps for 150 us at a time gets a tenth of a core, but has run whenever it is looked at."""

RESTLESS_PART = 0.6
"""Of the time since the look before: a thread that spins has run all of it, but for what our own look took from it."""

NS_PER_S = 1_000_000_000
PATIENCE_S = 0.03
"""What a loop's own functions hold says nothing of what it is asked to do: three looks more are waited for one that
meets something else."""

MOST_THREADS = 2
MOST_FRAMES = 24
INNERMOST = 5
"""Beyond these, only frames of files that no installer put where they are: what a loop holds that calls deeply."""

FIXED = frozenset({"NoneType", "bool", "int", "float", "str", "bytes"})
"""What never changes in place: another value is another object."""

INSTALLED = ("/lib/python3", "-packages/", "<frozen ")
MOST_FILES = 4096
MOST_NAMES = 16
MOST_ATTRIBUTES = 16
MOST_ITEMS = 32
"""Items of a container, characters of a text."""

MOST_LOOKS = 2000
MOST_FAILURES = 5000
CLOCK = "a clock"
CLOCK_S = 60.0
"""A float within a minute of now is a clock's reading: it grows whether or not anything is done."""

TIME_LEFT = re.compile(r"(^|_)(remaining|timeout|time_?left|end_?time|deadline)$")
"""What is left of a timeout when a wait begins is a clock's reading, too; under these names, in any library."""


STATUS = ("status_code", "status", "code")
"""Where clients of whatever library keep the number of an answer."""

REFUSALS = range(400, 600)
"""Client and server errors (RFC 9110, 15.5 and 15.6)."""

Names = Sequence[tuple[str, int]]
"""Names of variables, with the addresses of what they hold."""


class HotWatch:
    """Follows the threads of one process. `looks` are what has been read so far."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._reader = HotReader(interpreter)
        self._selectors = SelectorWatch(interpreter)
        self._failures = FailureReader(interpreter)
        self.failures: list[Failure] = []
        self._ran: Counter[int] = Counter()
        self._ran_in: Counter[int] = Counter()
        self._looks = 0
        self._turns = TurnsSeen()
        self._hot: Sequence[int] = ()
        self._owed: set[int] = set()
        self._last_s = self._before_s = 0.0
        self._next_s = 1 / LOOKS_PER_S
        self.looks: list[HotLook] = []

    def follow(
        self,
        at_s: float,
        threads: Iterable[ThreadLook],
        stacks: Mapping[int, RawStack],
        states: Mapping[int, int],
        loops: Collection[int] = (),
    ) -> None:
        """Add up who ran; when it is time, read those who ran most and were running just now.

        `states` are the addresses of the threads' states by kernel id, `loops` the ids of those that run an event loop.
        """
        self._before_s = at_s
        ran = {look.tid: look for look in threads if look.ran_ns}
        now = {tid: look.ran_ns for tid, look in ran.items() if look.call is None}
        self._ran.update({tid: look.ran_ns for tid, look in ran.items()})
        self._ran_in.update(ran.keys())
        self._looks += 1
        self._read_failures(at_s, {tid: states[tid] for tid in self._hot if tid in ran and tid in states})
        with self._interpreter.by_pages():
            self._follow_variables(at_s, {tid: stacks[tid] for tid in now if tid in stacks}, loops)

    def unclear(self, at_s: float, threads: Mapping[int, ThreadLook], stacks: Mapping[int, RawStack]) -> int | None:
        """A hot one of these threads that is better read from its own CPU; None where none is.

        It runs just now, and has hardly rested since the last look: who sleeps in its selector is left where it is.
        """
        least_ns = RESTLESS_PART * (at_s - self._before_s) * NS_PER_S
        met = (threads[tid] for tid in self._hot if tid in threads and tid in stacks)
        now = (look.tid for look in met if look.call is None and look.ran_ns >= least_ns)
        return self._selectors.unclear(at_s, {tid: stacks[tid].frames for tid in now})

    def _follow_variables(self, at_s: float, met_now: Mapping[int, RawStack], loops: Collection[int]) -> None:
        """Read what the hot ones of these threads, which run just now, ask of selectors and hold in variables."""
        stacks = {tid: stack.frames for tid, stack in met_now.items()}
        self._selectors.follow(at_s, {tid: stacks[tid] for tid in self._hot if tid in stacks})
        met = {tid for tid in self._hot if tid in stacks and not self._turns.only(tid, met_now[tid])}
        self._make_up(at_s, {tid: stacks[tid] for tid in self._owed & met})
        patience_s = PATIENCE_S if any(tid in loops and tid not in met for tid in self._hot) else 0.0
        if at_s < self._next_s + patience_s or len(self.looks) >= MOST_LOOKS:
            return
        self._hot = [tid for tid, ran_ns in self._ran.most_common(MOST_THREADS) if ran_ns >= self._enough(at_s, tid)]
        self._ran.clear()
        self._ran_in.clear()
        self._looks = 0
        self._last_s, before_s = at_s, time.thread_time()
        hot = [tid for tid in self._hot if tid in stacks]
        self.looks.extend(self._reader.look(at_s, tid, stacks[tid]) for tid in hot)
        took_s = time.thread_time() - before_s  # not what a crowded machine made us wait: nothing was read meanwhile
        self._next_s = at_s + max(1 / LOOKS_PER_S, took_s / MOST_OWN_SHARE)
        self._owed = {tid for tid in hot if tid in loops and tid not in met}

    def _make_up(self, at_s: float, stacks: Mapping[int, Sequence[RawFrame]]) -> None:
        """Look at loops that were met between two callbacks the last time, as soon as they are met in one."""
        self.looks.extend(self._reader.look(at_s, tid, frames) for tid, frames in stacks.items())
        self._owed -= stacks.keys()

    def _enough(self, at_s: float, tid: int) -> float:
        """The CPU from which on a thread is hot, in nanoseconds since the last time."""
        share = RESTLESS_SHARE if self._ran_in[tid] == self._looks else HOT_SHARE
        return share * (at_s - self._last_s) * 1e9

    def _read_failures(self, at_s: float, states: Mapping[int, int]) -> None:
        for tid, state in states.items():
            if len(self.failures) < MOST_FAILURES and (found := self._failures.read(at_s, tid, state)):
                self.failures.append(found)

    def finish(self, seen: ProcessRecording) -> ProcessRecording:
        """The recording with all that was seen here."""
        return self._selectors.finish(replace(seen, hot_looks=tuple(self.looks), failures=tuple(self.failures)))

    def close(self) -> None:
        """Close what is kept open."""
        self._selectors.close()


class TurnsSeen:
    """Tells the looks that met the thread of a loop between two callbacks, by what they show of the user's code."""

    def __init__(self) -> None:
        """Begin with no look."""
        self._own: dict[int, tuple[int, int]] = {}
        """By thread the smallest and the largest number of frames that no installer put where they are."""

    def only(self, tid: int, stack: RawStack) -> bool:
        """Whether a look shows no more of them than any other of this thread, and others have shown more.

        A torn stack may lack any of them: nothing is known by it, and nothing learned from it.
        """
        if not stack.is_complete:
            return tid in self._own
        own = sum(not _is_installed(raw) for raw in stack.frames)
        least, most = self._own.get(tid, (own, own))
        least, most = self._own[tid] = min(least, own), max(most, own)
        return own == least < most


class HotReader:
    """Reads what frames hold; whatever cannot be read right now counts as something that differs."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._matches = MatchReader(interpreter)
        self._torn = 0
        self._seen: dict[int, object] = {}
        self._without_length: set[int] = set()
        """Types one of whose instances was no container: to see that, all its attributes have to be read."""

    def look(self, at_s: float, tid: int, frames: Sequence[RawFrame]) -> HotLook:
        """One look at a stack, innermost frame first."""
        self._seen.clear()
        caught: list[str] = []
        some = enumerate(frames[:MOST_FRAMES])
        wanted = [raw if number < INNERMOST or not _is_installed(raw) else None for number, raw in some]
        begun = _begun(frames)
        self._interpreter.fetch([raw.address for raw in (*wanted, *begun) if raw])
        names = [self._names(raw) if raw else () for raw in wanted]
        further = [self._names(raw) for raw in begun]
        self._interpreter.fetch([address for frame in (*names, *further) if frame for _, address in frame])
        held = [self._held(frame, caught) for frame in names]
        return HotLook(
            at_s=at_s,
            tid=tid,
            stack=tuple(raw.frame for raw in frames),
            marks=tuple(_mark([(one.name, one.value) for one in frame]) for frame in held),
            caught=tuple(dict.fromkeys(caught)),
            match=self._match(frames),
            held=tuple(held),
            begun=tuple(one for frame in further for one in self._held(frame, [])),
        )

    def _match(self, frames: Sequence[RawFrame]) -> Match | None:
        try:
            return self._matches.read(frames[0]) if frames else None
        except Misread:
            return None

    def _names(self, raw: RawFrame) -> Names | None:
        """The frame's variables and where their values lie; None where they are torn."""
        try:
            return sorted(self._interpreter.locals(raw).items())[:MOST_NAMES]
        except Misread:
            return None

    def _held(self, names: Names | None, caught: list[str]) -> tuple[Held, ...]:
        """What these variables of a frame hold; one that differs from all others where they are torn."""
        if names is None:
            self._torn += 1
            return (Held("", -self._torn, -self._torn),)
        return tuple(one for name, address in names for one in self._variables(name, address, caught))

    def _variables(self, name: str, address: int, caught: list[str]) -> Iterator[Held]:
        """One variable; of `self`, in which an object keeps what it counts, each attribute."""
        if name != "self":
            yield self._variable(name, address, caught)
            return
        try:
            found = self._objects.classes.of(address)
            attributes = self._plain(self._objects.attribute_reader.read_of(found, address))
        except Misread:
            yield Held(name, address, address)
            return
        yield Held(name, address, _mark(found.name), _mark(address))
        for attribute, value in attributes:
            yield Held(f"{name}.{attribute}", _mark(value), _mark(value))

    def _variable(self, name: str, address: int, caught: list[str]) -> Held:
        try:
            found = self._objects.classes.of(address)
            simple = self._simple(found, address, caught)
            if simple is not None:
                simple = CLOCK if TIME_LEFT.search(name) and _is_float(simple) else simple
                mark = _mark(simple)
                return Held(name, mark, mark, mark if found.name in FIXED else _mark(address))
            every = self._objects.attribute_reader.read_of(found, address)
            shape = self._plain(every)
        except Misread:
            return Held(name, address, address)
        may_refuse = "status" in every or "status_code" in every or "code" in every
        status = self._status(every) if may_refuse else 0
        return Held(name, _mark((address, shape)), _mark((found.name, shape)), _mark(address), status)

    def _simple(self, found: Class, address: int, caught: list[str] | None = None) -> object:
        """A plain value, a container's size, or an exception's type; None for any other object."""
        if found.flags & EXCEPTION:
            if caught is not None:
                caught.append(found.name)
            return "an exception"
        if found.name in {"NoneType", "bool", "int", "float"}:
            return self._number(found, address)
        if found.address in self._without_length:
            return None
        try:
            length = self._objects.holdings.length_of(found, address)
        except Unreadable:
            return None
        except Misread:
            self._without_length.add(found.address)
            return None
        is_text = found.flags & (TEXT | BYTES)
        value = (
            self._objects.plain(found, address, MOST_ITEMS) if is_text else self._objects.value(address, 1, MOST_ITEMS)
        )
        return (found.name, length, value)

    def _number(self, found: Class, address: int) -> object:
        value = self._objects.plain(found, address)
        if isinstance(value, float) and min(abs(value - time.time()), abs(value - time.monotonic())) < CLOCK_S:
            return CLOCK
        return (value,)

    def _plain(self, every: Mapping[str, int]) -> list[tuple[str, object]]:
        """The plain values that an object holds in these attributes."""
        attributes = sorted(every.items())[:MOST_ATTRIBUTES]
        self._interpreter.fetch([value for _, value in attributes])
        return [(name, self._attribute(value)) for name, value in attributes]

    def _status(self, every: Mapping[str, int]) -> int:
        """The number by which an object with these attributes refuses; 0 where it says anything else."""
        values = (self._attribute(every[name]) for name in STATUS if name in every)
        numbers = (one[0] for one in values if isinstance(one, tuple) and len(one) == 1)
        return next((one for one in numbers if isinstance(one, int) and one in REFUSALS), 0)

    def _attribute(self, address: int) -> object:
        """What an attribute holds; in one look the same object is the same."""
        if address not in self._seen:
            try:
                self._seen[address] = self._simple(self._objects.classes.of(address), address)
            except Misread:
                self._seen[address] = None
        return self._seen[address]


def _is_installed(raw: RawFrame) -> bool:
    return _has_installer(raw.frame.file)


@functools.lru_cache(MOST_FILES)
def _has_installer(file: str) -> bool:
    return any(part in file for part in INSTALLED)


def _begun(frames: Sequence[RawFrame]) -> Sequence[RawFrame]:
    """The function that the innermost one of the user's has called, where it is not among the innermost of all."""
    called = next((number for number, raw in enumerate(frames) if not _is_installed(raw)), 0) - 1
    return frames[called : called + 1] if INNERMOST <= called < MOST_FRAMES else ()


def _is_float(simple: object) -> bool:
    """Whether a plain value, as `HotReader` tells it, is a float."""
    return isinstance(simple, tuple) and len(simple) == 1 and isinstance(simple[0], float)


def _mark(seen: object) -> int:
    """A number that is the same where the same was seen."""
    return zlib.crc32(repr(seen).encode("utf-8", "replace"))
