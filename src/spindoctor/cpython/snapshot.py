"""A copy of everything that a look reads, made in one go.

What one look reads, the next reads too: the same words, the same chunks of stack. So the addresses are learned, and
`take` copies all of them at once; the decoders then read from the copy. What is not in it is read apart, and joins the
next copy when it is asked for a second time. What nobody asked for in a while is left out again.

One system call instead of dozens is the smaller gain. The larger: all that is in the copy was true at one moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from spindoctor.cpython.memory import Copier, Memory, Range
from spindoctor.cpython.pages import Pages
from spindoctor.errors import Unreadable

MAX_GAP = 2048
"""Nearer ranges are copied as one: a further range costs more than these bytes. Below a page (4096 bytes), so that no
page is touched that none of the two ranges touches."""

MAX_RANGE = 1 << 18
MAX_BYTES = 1 << 22
MAX_RANGES = 900
"""Below IOV_MAX, 1024: a copy is one system call."""

BEYOND = 1 << 63
"""The kernel's half of the addresses begins here: what is asked for there was misread, and cannot be copied."""

EPOCH = 64
"""Looks after which it is asked which ranges are still in use."""

FIRST_EPOCH = 8
"""The first looks read all threads, most of which sleep from then on: at first it is asked after 8, 16, 32 of them."""


class Snapshot:
    """A `Memory` that reads from a copy while there is one, else from the memory behind it."""

    def __init__(self, memory: Memory) -> None:
        self._behind = self._memory = memory
        self._pages = Pages(memory)
        self._has_copy = False
        self.forget()

    def forget(self) -> None:
        """Learn anew."""
        self._wishes = _Wishes(self._memory)

    def take(self) -> None:
        """Copy what was read after earlier copies; where that has gone from memory, learn anew."""
        self._wishes.age()
        self._copy()

    def _copy(self) -> None:
        self._has_copy = True
        try:
            self._wishes.copy()
        except Unreadable:
            self.forget()

    def renew(self) -> None:
        """Copy anew where there is a copy: what was read from it did not belong together."""
        self._pages.forget()
        if self._has_copy:
            self._copy()

    def hold(self) -> None:
        """Read by whole pages from now on, each of them once."""
        self._pages.forget()
        self._memory = self._pages

    def fetch(self, addresses: Sequence[int]) -> None:
        """Where pages are held: have those on which these objects begin, in one go."""
        if self._memory is self._pages:
            self._pages.fetch(addresses)

    def drop(self) -> None:
        """Read the memory itself from now on."""
        self._has_copy = False
        self._memory = self._behind

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes from `address` on."""
        if not self._has_copy:
            return self._memory.read(address, size)
        found = self._wishes.find(address, size)
        return self._memory.read(address, size) if found is None else found

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each range, from one copy: where one is not in it all is copied anew, together with it.

        Who asks for many at once counts on their belonging to one moment, and what is read afterwards must not be
        older than they are.
        """
        if not self._has_copy:
            return self._memory.read_many(ranges)
        found = self._wishes.find_many(ranges)
        if found is None:
            self._wishes.want(ranges)
            self._copy()
            found = self._wishes.find_many(ranges)
        return self._memory.read_many(ranges) if found is None else found

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what copies these ranges from the memory itself."""
        return self._memory.prepare(ranges)


class _Wishes:
    """What looks read, and the last copy of it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._wanted: set[Range] = set()
        self._used: set[Range] = set()
        self._found: dict[Range, int] = {}
        self._missed: set[Range] = set()
        self._is_stale = False
        self._looks, self._due = 0, FIRST_EPOCH
        self._data = b""
        self._place(())

    def age(self) -> None:
        """Count a look; leave out what nobody has asked for in a while."""
        self._looks += 1
        if self._looks >= self._due:
            self._due = self._looks + min(self._looks, EPOCH)
            self._wanted &= self._used | self._found.keys()
            self._used.clear()
            self._found.clear()
            self._missed.clear()
            self._is_stale = True

    def copy(self) -> None:
        """Copy all that is wanted."""
        if self._is_stale:
            self._is_stale = False
            merged = _merged(self._wanted)
            self._due = self._due if merged or not self._wanted else self._looks + 1
            self._place(merged)
        self._data = self._copier() if self._copier else b""

    def find(self, address: int, size: int) -> bytes | None:
        """Return the bytes from the copy; None, and remember that they were wanted, where they are not in it."""
        if not size:  # what a word read while it changed makes of a length
            return b""
        place = self._found.get((address, size))
        if place is None:
            index = bisect_right(self._starts, address) - 1
            is_there = index >= 0 and address + size <= self._ends[index]
            place = self._found[address, size] = self._places[index] + address if is_there else -1
        if place < 0 or not self._data:
            self._learn((address, size))
            return None
        return self._data[place : place + size]

    def find_many(self, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return the bytes of each range; None where one of them is not in the copy."""
        found = [block for address, size in ranges if (block := self.find(address, size)) is not None]
        return found if len(found) == len(ranges) else None

    def want(self, ranges: Sequence[Range]) -> None:
        """Have these in the next copy."""
        self._wanted.update(one for one in ranges if one[1] and one[0] < BEYOND)
        self._is_stale = True

    def _learn(self, one: Range) -> None:
        """Copy this range next time if it was missed before: most of what is read once is never read again."""
        if one not in self._missed:
            self._missed.add(one)
        elif one[0] < BEYOND and one[1] <= MAX_RANGE and one not in self._wanted:
            self._wanted.add(one)
            self._is_stale = True

    def _place(self, ranges: Sequence[Range]) -> None:
        """Find where each range will lie in the copy."""
        self._used |= self._found.keys()
        self._found.clear()
        self._starts = [start for start, _ in ranges]
        self._ends = [start + size for start, size in ranges]
        self._places, position = [], 0
        for start, size in ranges:
            self._places.append(position - start)
            position += size
        self._copier = self._memory.prepare(ranges) if ranges else None


def _merged(wanted: set[Range]) -> list[Range]:
    """Return as few ranges as can be that have all of these in them; none where that would be too much."""
    merged: list[Range] = []
    for start, size in sorted(wanted):
        first, length = merged[-1] if merged else (0, 0)
        if merged and start <= first + length + MAX_GAP:
            merged[-1] = (first, max(length, start + size - first))
        else:
            merged.append((start, size))
    is_too_much = len(merged) > MAX_RANGES or sum(size for _, size in merged) > MAX_BYTES
    return [] if is_too_much else merged
