"""Greenlets that are suspended: what the hub of a process would run next, told as tasks.

Nothing lists them: a hub written in C keeps those that wait in structures of its own. But each of them has a structure
of the extension's that begins with the table of its C++ class and goes on with the greenlet itself (greenlet 2.0 and
later, `TGreenlet.hpp`, `UserGreenlet`), and the hub is one of them. So the process's own memory is searched for that
table now and then. What stands where is read as it is for coroutines, and read anew only where its frames are no longer
what they were.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spindoctor.cpython.frames import FrameShape, RawFrame
from spindoctor.errors import Misread
from spindoctor.model.origin import is_user
from spindoctor.model.tasks import HUB, Task
from spindoctor.probe.greenlets import STRUCTURE_AT, WORDS, Greenlets
from spindoctor.probe.hubs import Hub, hub_of, is_beginning
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.proc import try_text
from spindoctor.probe.requests import RouteFinder

MOST_BYTES = 1 << 28
"""Searching takes some 5 ms for every 8 MB; a process with more memory than this (256 MB) is not searched."""

BLOCK = 1 << 20
FIRST_S, LATER_S = 0.1, 0.01
"""Time for the search in one look, before and after all was searched once: what is left comes in the next looks."""

MIN_APART_S = 0.5
MOST_OWN_SHARE = 0.06
"""What searching again and again may take of our time."""

TELLING = 5
"""Bytes of an address that are looked for: the last ones are zero, as much of all memory is, and make it slow."""

MOST_S = 0.02
"""Time for reading those that have moved, in each look: each takes some 0.3 ms."""

MOST_TRIES = 3
"""A greenlet that only gives way goes on while every second reading of it lasts: three fail one time in eight."""

MOST_GREENLETS = 500
WRITABLE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ \S+ 0 *(\[heap\])?$", re.MULTILINE)
"""Memory of the process's own, where its objects are."""

LOCALS = 64
"""Bytes of the variables that lie behind each frame: what another request has in hand is another object."""

ADDRESS_BITS, MOST_TURNS = 48, 1 << 14
WORD = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A suspended greenlet: what was read, and the bytes that tell whether it has moved."""

    task: Task
    frames: tuple[RawFrame, ...]
    ranges: tuple[tuple[int, int], ...]
    blocks: tuple[bytes, ...]


class SuspendedGreenlets:
    """Follows the suspended greenlets of one process. `chains` are their frames, innermost first, by task.

    A task is one stay of a greenlet at one place: its address has a number of its own in front, because the memory of a
    greenlet that has ended is the next one's, and may hold it at the same place.
    """

    def __init__(
        self, interpreter: Interpreter, routes: RouteFinder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look through this interpreter; `clock` gives seconds."""
        self._interpreter = interpreter
        self._routes = routes
        self._clock = clock
        self._greenlets = Greenlets(interpreter)
        self._frame_bytes = FrameShape.of(interpreter.layout).size
        self._places: tuple[int, ...] = ()
        self._search: Iterator[int | None] = iter(())
        self._found: list[int] = []
        self._took_s = 0.0
        self._has_begun = self._is_whole = False
        self._next_s = 0.0
        self._numbers: dict[int, int] = {}
        self._turns = 0
        self._seen: dict[int, _Seen] = {}
        self.chains: dict[int, tuple[RawFrame, ...]] = {}

    def look(self, hub: Hub | None) -> tuple[Task, ...]:
        """All that could be read in time, those that have not moved first."""
        self.chains = {}
        if hub is None:
            return ()
        self._go_on(hub)
        self._seen = {address: one for address, one in self._seen.items() if self._is_unmoved(one)}
        self._read_moved(hub.tid)
        self.chains = {one.task.address: one.frames for one in self._seen.values()}
        return tuple(one.task for one in self._seen.values())

    def is_searching(self, hub: Hub | None) -> bool:
        """Whether more may be found although nobody has moved."""
        return hub is not None and not self._is_whole

    def _go_on(self, hub: Hub) -> None:
        """Search on for as long as one look may; what was found counts at once, what is gone when all was searched."""
        if self._clock() < self._next_s:
            return
        start_s = time.thread_time()  # on a crowded machine a look takes longer, and costs no more
        for address in self._search:
            if address is not None:
                self._found.append(address)
            elif time.thread_time() >= start_s + (LATER_S if self._is_whole else FIRST_S):
                self._took_s += time.thread_time() - start_s
                self._places = tuple(dict.fromkeys((*self._places, *self._found)))
                return
        took_s = self._took_s + time.thread_time() - start_s
        self._places = tuple(self._found[:MOST_GREENLETS])
        self._next_s = self._clock() + (max(MIN_APART_S, took_s / MOST_OWN_SHARE) if self._has_begun else 0.0)
        self._search, self._found, self._took_s = self._find(hub.greenlet), [], 0.0
        is_first, self._is_whole, self._has_begun = not self._has_begun, self._has_begun, True
        if is_first:
            self._go_on(hub)

    def _read_moved(self, tid: int) -> None:
        end_s = time.thread_time() + MOST_S
        for address in self._places:
            if address in self._seen:
                continue
            if time.thread_time() >= end_s:
                return
            found = self._read(address, tid)
            if found:
                self._seen[address] = found

    def _is_unmoved(self, one: _Seen) -> bool:
        try:
            return tuple(self._interpreter.reader.read_many(one.ranges)) == one.blocks
        except Misread:
            return False

    def _read(self, address: int, tid: int) -> _Seen | None:
        """What is suspended there, of one that went on meanwhile with another try or two; None where nothing is."""
        for _ in range(MOST_TRIES):
            try:
                return self._read_once(address, tid)
            except Misread:
                continue
        return None

    def _read_once(self, address: int, tid: int) -> _Seen | None:
        """None for one that runs, has not begun or has ended, the hub and the main program.

        Raises:
            Misread: it went on while it was read, or is gone.
        """
        frames = self._greenlets.suspended(address)
        if not frames or is_beginning(frames[-1]) or hub_of(self._interpreter, frames[-1]) is not None:
            return None
        structure = (self._interpreter.reader.word(address + STRUCTURE_AT), WORDS * WORD.size)
        ranges = (structure, *((raw.address, self._frame_bytes + LOCALS) for raw in frames))
        blocks = tuple(self._interpreter.reader.read_many(ranges))
        return _Seen(self._task(address, frames, tid), frames, ranges, blocks)

    def _task(self, address: int, frames: tuple[RawFrame, ...], tid: int) -> Task:
        number = self._numbers.setdefault(address, len(self._numbers) + 1)
        self._turns += 1
        kind = self._interpreter.objects.type_name(address).rpartition(".")[2]
        return Task(
            address=address | self._turns % MOST_TURNS << ADDRESS_BITS,
            name=f"{kind}-{number}",
            state="pending",
            coroutine=next((raw for raw in reversed(frames) if is_user(raw.frame)), frames[-1]).frame.function,
            loop=tid,
            chain=tuple(raw.frame for raw in frames),
            waits_on=HUB,
            route=self._routes.find(frames),
        )

    def _find(self, hub: int) -> Iterator[int | None]:
        """The greenlets whose structures begin with the table that the hub's does, and None after every block."""
        try:
            table = self._interpreter.reader.word(self._interpreter.reader.word(hub + STRUCTURE_AT))
        except Misread:
            return
        found = WRITABLE.findall(try_text(f"/proc/{self._interpreter.pid}/maps"))
        areas = [(int(start, 16), int(end, 16)) for start, end, _ in found]
        if sum(end - start for start, end in areas) > MOST_BYTES:
            return
        for area, end in areas:
            for start in range(area, end, BLOCK):
                yield from self._in_block(start, min(BLOCK, end - start), WORD.pack(table))
                yield None

    def _in_block(self, start: int, size: int, table: bytes) -> Iterator[int]:
        try:
            block = self._interpreter.memory.read(start, size)
        except Misread:
            return
        place = block.find(table[:TELLING])
        while 0 <= place <= size - 2 * WORD.size:
            if place % WORD.size == 0 and block[place : place + WORD.size] == table:
                greenlet = WORD.unpack_from(block, place + WORD.size)[0]
                if self._has(greenlet, start + place):
                    yield greenlet
            place = block.find(table[:TELLING], place + 1)

    def _has(self, greenlet: int, structure: int) -> bool:
        """Whether a structure belongs to the object which it names."""
        try:
            return self._interpreter.reader.word(greenlet + STRUCTURE_AT) == structure
        except (Misread, struct.error):
            return False
