"""Machine words and the head every object has."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from spindoctor.cpython.layout import Layout
from spindoctor.cpython.memory import Memory, Range
from spindoctor.errors import Misread

MAX_READ = 1 << 26  # one read of more than 64 MB is a length that was misread
FEW = 512
"""Of more words than these no copy is kept: they are read at once from the memory itself, as one block."""

MAX_STRING = 4096  # a name in C (of a type or of a member) is far shorter

word_at = struct.Struct("<Q").unpack_from
signed_at = struct.Struct("<q").unpack_from
int_at = struct.Struct("<i").unpack_from
uint_at = struct.Struct("<I").unpack_from


class Reader:
    """Reads words of a target's memory under one layout. Little-endian, eight-byte pointers."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self.memory = memory
        self.layout = layout
        self._ob_type = layout["pyobject.ob_type"]

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes from `address` on."""
        if not 0 <= size <= MAX_READ:
            raise Misread(f"a length of {size} bytes")
        return self.memory.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of many ranges in one go."""
        total = 0
        for _, size in ranges:
            total += size if size >= 0 else MAX_READ + 1
        if total > MAX_READ:
            raise Misread("a length beyond all measure")
        return self.memory.read_many(ranges)

    def word(self, address: int) -> int:
        """Return the unsigned 64-bit word at `address`: a pointer, a size."""
        value: int = word_at(self.memory.read(address, 8))[0]
        return value

    def int32(self, address: int) -> int:
        """Return the signed 32-bit integer at `address`."""
        value: int = int_at(self.memory.read(address, 4))[0]
        return value

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Return `count` consecutive words."""
        return struct.unpack(f"<{count}Q", self.read(address, 8 * count))

    def gather(self, addresses: Sequence[int]) -> list[int]:
        """Return the word at each of many addresses, in one go."""
        if len(addresses) > FEW:
            return self._gather_many(addresses)
        return [word_at(block)[0] for block in self.memory.read_many([(address, 8) for address in addresses])]

    def _gather_many(self, addresses: Sequence[int]) -> list[int]:
        found: list[int] = []
        for start in range(0, len(addresses), FEW):
            some = [(address, 8) for address in addresses[start : start + FEW]]
            found += struct.unpack(f"<{len(some)}Q", self.memory.prepare(some)())
        return found

    def type_of(self, address: int) -> int:
        """Return the address of the object's type."""
        return self.word(address + self._ob_type)

    def types_of(self, addresses: Sequence[int]) -> list[int]:
        """Return the address of each object's type, in one go."""
        return self.gather([address + self._ob_type for address in addresses])

    def c_string(self, address: int) -> str:
        """Return the text up to the next zero byte, `MAX_STRING` bytes at most."""
        found = b""
        while len(found) < MAX_STRING:
            piece = self._piece(address + len(found))
            found += piece
            if b"\0" in piece:
                return found[: found.index(b"\0")].decode("utf-8", "replace")
        raise Misread(f"no end of the string at {address:#x}")

    def _piece(self, address: int) -> bytes:
        """Return some bytes from `address` on that do not cross a page unless the string does."""
        return self.memory.read(address, min(64, 4096 - address % 4096))
