"""What is known of each task, so that a task that has not moved since the last look need not be read again.

A task has not moved where its own bytes and the heads of all frames on its await chain are what they were: its state,
what it waits for, and at which instruction each of its coroutines is suspended. All of that comes from a few batched
reads; most tasks of a service wait.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from spindoctor.cpython.coroutines import Chain, End
from spindoctor.cpython.frames import FrameShape, RawFrame
from spindoctor.errors import Misread, Unreadable
from spindoctor.model.tasks import BARE_YIELD, Task
from spindoctor.probe.greenlets import Greenlets
from spindoctor.probe.interpreter import Interpreter, RawTask
from spindoctor.probe.requests import RouteFinder

Range = tuple[int, int]

CANCELLED = 1
"""`fut_state` of a future: pending 0, cancelled 1, finished 2 (Modules/_asynciomodule.c, `fut_state`)."""

BATCH = 500
"""Ranges in one read: one that has become unreadable spoils its batch, not all."""


@dataclass(frozen=True, slots=True)
class _Entry:
    task: Task
    frames: tuple[RawFrame, ...]
    ranges: tuple[Range, ...]
    blocks: tuple[bytes, ...]
    waiter: int | None = None


class TaskBook:
    """Describes tasks by address.

    Of those described since `open`, `chains` has the frames (innermost first), `waiters` the futures that they await.
    """

    def __init__(
        self, interpreter: Interpreter, routes: RouteFinder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look through this interpreter; `clock` gives seconds."""
        self._interpreter = interpreter
        self._routes = routes
        self._clock = clock
        self._frame_bytes = FrameShape.of(interpreter.layout).size
        self._greenlets = Greenlets(interpreter)
        self._entries: dict[int, _Entry] = {}
        self._unmoved: set[int] = set()
        self._looks = 0
        self._read_at: dict[int, int] = {}
        self.chains: dict[int, tuple[RawFrame, ...]] = {}
        self.waiters: dict[int, int] = {}

    def open(self, addresses: Iterable[int]) -> None:
        """Begin a look at these tasks: find out which of them have not moved since the last."""
        self.chains = {}
        self.waiters = {}
        self._looks += 1
        there = set(addresses)
        self._read_at = {address: look for address, look in self._read_at.items() if address in there}
        self._entries = {address: entry for address, entry in self._entries.items() if address in there}
        known = list(self._entries.items())
        ranges = [one for _, entry in known for one in entry.ranges]
        blocks = self._read(ranges)
        self._unmoved = set()
        position = 0
        for address, entry in known:
            end = position + len(entry.ranges)
            if tuple(blocks[position:end]) == entry.blocks:
                self._unmoved.add(address)
            position = end

    def _read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of each range; empty ones for a batch that cannot be read."""
        found: list[bytes] = []
        for start in range(0, len(ranges), BATCH):
            batch = ranges[start : start + BATCH]
            try:
                found += self._interpreter.reader.read_many(batch)
            except Misread:
                found += [b""] * len(batch)
        return found

    @property
    def is_first(self) -> bool:
        """Whether this is the first look: nothing is known yet, and all tasks have to be read."""
        return self._looks == 1

    def describe_within(self, seconds: float, addresses: Sequence[int], first: Collection[int]) -> list[Task]:
        """Those of `first`, all that have not moved, and of the others as many as can be read in this time.

        The others come the longest unread first: in a few looks each of them has its turn.
        """
        end_s = self._clock() + seconds
        sure = [one for one in addresses if one in first or one in self._unmoved]
        moved = (one for one in addresses if one not in first and one not in self._unmoved)
        in_turn = sorted(moved, key=lambda one: self._read_at.get(one, 0))
        in_time = itertools.takewhile(lambda _: self._clock() < end_s, in_turn)
        return [task for address in itertools.chain(sure, in_time) if (task := self.describe(address))]

    def describe(self, address: int) -> Task | None:
        """The task at `address`; None where there is none or it cannot be read."""
        entry = self._entries[address] if address in self._unmoved else self._enter(address)
        if entry is None:
            return None
        self.chains[address] = entry.frames
        if entry.waiter:
            self.waiters[address] = entry.waiter
        return entry.task

    def _enter(self, address: int) -> _Entry | None:
        self._read_at[address] = self._looks
        try:
            raw = self._raw(address)
            chain = self._interpreter.coroutine_chain(raw.coroutine) if raw.coroutine else None
            frames = self._greenlets.joined(chain.frames[::-1]) if chain else ()
            links = chain.compiled if chain else ()
            ranges = (
                self._own(address),
                *((one.address, self._frame_bytes) for one in frames),
                *((link, 8) for link in links),
            )
            blocks = tuple(self._interpreter.reader.read_many(ranges))
        except Misread as misread:
            return self._without_chain(address) if isinstance(misread, Unreadable) else None
        entry = self._entries[address] = _Entry(self._task(raw, chain, frames), frames, ranges, blocks, raw.waiter)
        return entry

    def _without_chain(self, address: int) -> _Entry | None:
        """A task whose coroutine went away while it was read: at least what the task says of itself."""
        try:
            return _Entry(self._task(self._raw(address), None, ()), (), (), ())
        except Misread:
            return None

    def _task(self, raw: RawTask, chain: Chain | None, frames: tuple[RawFrame, ...]) -> Task:
        waits_on, awaits = self._waits(raw, chain, frames)
        return Task(
            address=raw.address,
            name=raw.name,
            state=raw.state,
            coroutine=raw.coroutine_name,
            loop=raw.loop,
            defined=raw.definition,
            chain=tuple(one.frame for one in frames),
            waits_on=waits_on,
            awaits=awaits,
            must_cancel=raw.must_cancel or self._is_cancelled(raw.waiter),
            cancel_requests=raw.cancel_requests,
            awaited_by=self._awaited_by(raw.address),
            route=self._routes.find(frames),
        )

    def _raw(self, address: int) -> RawTask:
        """What a task says of itself.

        Raises:
            Misread: there is none, or it cannot be read.
        """
        return self._interpreter.task(address)

    def _own(self, address: int) -> Range:
        """The task's own bytes that tell whether it has moved."""
        return (address, self._interpreter.layout["task_object.size"])

    def _waits(self, raw: RawTask, chain: Chain | None, _frames: tuple[RawFrame, ...]) -> tuple[str | None, int | None]:
        """The type of what it waits on, and which that is."""
        is_yielding = chain is not None and chain.end is End.YIELDED
        return BARE_YIELD if is_yielding else self._awaited_type(raw.waiter), raw.waiter

    def _awaited_type(self, waiter: int | None) -> str | None:
        try:
            return self._interpreter.objects.type_name(waiter) if waiter else None
        except Misread:
            return None

    def _is_cancelled(self, waiter: int | None) -> bool:
        """Whether the future that a task waits for has been cancelled: the cancellation is on its way to the task."""
        if waiter is None:
            return False
        try:
            state = self._interpreter.reader.int32(waiter + self._interpreter.layout["future_object.state"])
        except (Misread, LookupError):
            return False
        return state == CANCELLED

    def _awaited_by(self, address: int) -> tuple[int, ...]:
        try:
            return self._interpreter.awaited_by(address)
        except Misread:
            return ()
