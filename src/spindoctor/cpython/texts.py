"""Strings of the target (PEP 393)."""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.cpython.reader import Reader, uint_at, word_at
from spindoctor.errors import Misread, Unreadable

MAX_TEXT = 1 << 16
GUESS = 128  # bytes: a head and the text of nearly every name, in one read
ENCODINGS = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}
KIND_SHIFT, KIND_MASK, COMPACT, ASCII = 2, 7, 1 << 5, 1 << 6  # bit field `state` of PyASCIIObject, default builds


class Texts:
    """Decodes `str` objects and instances of its subclasses."""

    def __init__(self, reader: Reader) -> None:
        layout = reader.layout
        self._reader = reader
        self._length = layout["unicode_object.length"]
        self._state = layout["unicode_object.state"]
        self._ascii_size = layout["unicode_object.asciiobject_size"]
        self._compact_size = layout["unicode_object.compactunicodeobject_size"]

    def read(self, address: int, limit: int = MAX_TEXT) -> str:
        """Return the string at `address`, its first `limit` characters at most."""
        block = self._first(address)
        start, size, encoding = self._extent(address, block, limit)
        skipped = start - address
        if not 0 <= skipped <= len(block) - size:
            return self._reader.read(start, size).decode(encoding, "replace")
        return block[skipped : skipped + size].decode(encoding, "replace")

    def _first(self, address: int) -> bytes:
        """Return the head of the string and, where more can be read, enough for most names."""
        try:
            return self._reader.read(address, GUESS)
        except Unreadable:
            return self._reader.read(address, self._ascii_size)

    def length(self, address: int) -> int:
        """Return the number of characters."""
        return self._reader.word(address + self._length)

    def read_many(self, addresses: Sequence[int], limit: int = MAX_TEXT) -> list[str | None]:
        """Return the string at each address in two reads; None where there is no string or it cannot be read."""
        try:
            heads = self._reader.read_many([(address, self._ascii_size) for address in addresses])
            extents = [self._extent_or_none(a, head, limit) for a, head in zip(addresses, heads, strict=True)]
            bodies = iter(self._reader.read_many([extent[:2] for extent in extents if extent]))
        except Unreadable:
            return [self._read_or_none(address, limit) for address in addresses]
        return [next(bodies).decode(extent[2], "replace") if extent else None for extent in extents]

    def _extent(self, address: int, head: bytes, limit: int) -> tuple[int, int, str]:
        """Return where the characters lie, in how many bytes, and in which encoding."""
        length, state = word_at(head, self._length)[0], uint_at(head, self._state)[0]
        kind = state >> KIND_SHIFT & KIND_MASK
        if kind not in ENCODINGS or length > 1 << 40:
            raise Misread(f"no string at {address:#x}")
        if not state & COMPACT:
            start = self._reader.word(address + self._compact_size)
        else:
            start = address + (self._ascii_size if state & ASCII else self._compact_size)
        return start, kind * min(length, limit), ENCODINGS[kind]

    def _extent_or_none(self, address: int, head: bytes, limit: int) -> tuple[int, int, str] | None:
        try:
            return self._extent(address, head, limit)
        except Misread:
            return None

    def _read_or_none(self, address: int, limit: int) -> str | None:
        try:
            return self.read(address, limit)
        except Misread:
            return None
