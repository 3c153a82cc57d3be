"""Memory read by whole pages for a short while: what lies together is read together, and only once.

Following objects reads some words here and some there, most of them on few pages: of 400 reads that follow the
variables of a stack, 300 find their page read already. A system call costs what copying several pages does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from spindoctor.cpython.memory import Copier, Memory, Range
from spindoctor.errors import Unreadable

PAGE_BITS = 12
PAGE = 1 << PAGE_BITS
"""The smallest page there is: of a larger one, this much is mapped wherever a byte of it is."""

MAX_READ = 16 * PAGE
"""Longer reads gain nothing."""

MAX_PAGES = 64
"""Then all are read anew: some tenths of a millisecond after the first, what it held may be something else."""


class Pages:
    """A `Memory` that keeps the pages it has read until `forget`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pages: dict[int, bytes] = {}

    def forget(self) -> None:
        """Read all anew."""
        self._pages.clear()

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes from `address` on."""
        offset = address & PAGE - 1
        if not 0 < size <= PAGE - offset:
            return self.read_many([(address, size)])[0]
        page = self._pages.get(address >> PAGE_BITS)
        if page is None:
            page = self._fetch_one(address >> PAGE_BITS)
        return page[offset : offset + size]

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each range; pages that are missing are read in one go."""
        pages, found = self._pages, []
        for address, size in ranges:
            offset = address & PAGE - 1
            page = pages.get(address >> PAGE_BITS)
            if page is None or not 0 < size <= PAGE - offset:
                return self._read_missing(ranges)
            found.append(page[offset : offset + size])
        return found

    def _read_missing(self, ranges: Sequence[Range]) -> list[bytes]:
        if any(not 0 < size <= MAX_READ for _, size in ranges):
            return self._memory.read_many(ranges)
        spans = [range(address >> PAGE_BITS, (address + size - 1 >> PAGE_BITS) + 1) for address, size in ranges]
        wanted = {number for span in spans for number in span}
        if len(wanted) > MAX_PAGES:
            return self._memory.read_many(ranges)
        self._fetch(wanted)
        return [self._cut(one, span) for one, span in zip(ranges, spans, strict=True)]

    def fetch(self, addresses: Sequence[int]) -> None:
        """Read in one go the pages of these addresses; where one of them cannot be read, or they are many, none."""
        missing = {address >> PAGE_BITS for address in addresses} - self._pages.keys() - {0}
        if len(missing) > 1 and len(missing) + len(self._pages) <= MAX_PAGES:
            with suppress(Unreadable):
                self._fetch(missing)

    def _fetch(self, wanted: set[int]) -> None:
        missing = sorted(wanted - self._pages.keys())
        if not missing:
            return
        if len(self._pages) + len(missing) > MAX_PAGES:
            self._pages.clear()
            missing = sorted(wanted)
        blocks = self._memory.read_many([(number << PAGE_BITS, PAGE) for number in missing])
        self._pages.update(zip(missing, blocks, strict=True))

    def _fetch_one(self, number: int) -> bytes:
        if len(self._pages) >= MAX_PAGES:
            self._pages.clear()
        page = self._pages[number] = self._memory.read(number << PAGE_BITS, PAGE)
        return page

    def _cut(self, one: Range, span: range) -> bytes:
        start = one[0] & PAGE - 1
        block = self._pages[span[0]] if len(span) == 1 else b"".join([self._pages[number] for number in span])
        return block[start : start + one[1]]

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what copies these ranges from the memory itself."""
        return self._memory.prepare(ranges)
