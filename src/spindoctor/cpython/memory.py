"""The one thing a decoder may ask of a target: bytes at an address."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from spindoctor.errors import Unreadable

Range = tuple[int, int]
"""An address and a number of bytes."""

Copier = Callable[[], bytes]
"""Copies always the same ranges, and returns them one behind the other; raises what `read_many` raises."""


class Memory(Protocol):
    """Bytes of another process, or a recorded image of them."""

    def read(self, address: int, size: int) -> bytes:
        """Return exactly `size` bytes from `address` on, or raise `Unreadable`."""

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each range, read as close in time as can be; `Unreadable` if one cannot be read."""

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what copies these ranges again and again."""


class Image:
    """Memory that was recorded: blocks of bytes at their addresses. Blocks do not overlap."""

    def __init__(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        ordered = sorted(blocks)
        self._starts = [start for start, _ in ordered]
        self._blocks = [block for _, block in ordered]

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes that lie within one block, else raise `Unreadable`."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0:
            skipped = address - self._starts[index]
            found = self._blocks[index][skipped : skipped + size]
            if len(found) == size:
                return found
        raise Unreadable(f"{size} bytes at {address:#x} were not recorded")

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Read the ranges one by one."""
        return [self.read(address, size) for address, size in ranges]

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        """Return what reads the ranges one by one."""
        return lambda: b"".join(self.read_many(ranges))
