"""Lists, tuples, sets and deques of the target, as addresses of what they hold."""

from __future__ import annotations

import struct

from spindoctor.cpython.classes import LIST, TUPLE, Classes
from spindoctor.cpython.reader import Reader, signed_at, word_at
from spindoctor.errors import Misread

MAX_ITEMS = 1 << 20
DELETED_HASH = (1 << 64) - 1  # a set's entry that was removed keeps the hash -1 (Objects/setobject.c)


class Containers:
    """Decodes the built-in containers other than `dict`. More than `MAX_ITEMS` items are a `Misread`."""

    def __init__(self, reader: Reader, classes: Classes) -> None:
        layout = reader.layout
        self._reader = reader
        self._classes = classes
        self._layout = layout
        self._ob_size = layout["var_object.ob_size"]
        self._tuple_items = layout["tuple_object.ob_item"]
        self._list_items = layout["list_object.ob_item"]
        self._set = (layout["set_object.used"], layout["set_object.mask"], layout["set_object.table"])
        self._block_length = layout.constants["deque_block.length"]

    def sequence(self, address: int, limit: int = MAX_ITEMS) -> tuple[int, ...]:
        """Return the first `limit` items of a list or tuple or an instance of a subclass."""
        flags = self._classes.of(address).flags
        if not flags & (LIST | TUPLE):
            raise Misread(f"neither list nor tuple at {address:#x}")
        return self.list_items(address, limit) if flags & LIST else self.tuple_items(address, limit)

    def tuple_items(self, address: int, limit: int = MAX_ITEMS) -> tuple[int, ...]:
        """Return the items of what is known to be a tuple."""
        count = min(self.size(address), limit)
        return self._reader.words(address + self._tuple_items, count)

    def list_items(self, address: int, limit: int = MAX_ITEMS) -> tuple[int, ...]:
        """Return the items of what is known to be a list."""
        count = min(self.size(address), limit)
        return self._reader.words(self._reader.word(address + self._list_items), count) if count else ()

    def size(self, address: int) -> int:
        """Return `ob_size`: the length of a list, tuple, deque or bytes."""
        count = self._reader.word(address + self._ob_size)
        if count > MAX_ITEMS:
            raise Misread(f"{count} items at {address:#x}")
        return count

    def set_size(self, address: int) -> int:
        """Return the number of items of a set or frozenset."""
        return self._reader.word(address + self._set[0])

    def set_items(self, address: int) -> tuple[int, ...]:
        """Return the items of a set or frozenset, in no order that means anything."""
        mask = self._reader.word(address + self._set[1])
        if mask >= 4 * MAX_ITEMS:
            raise Misread(f"a set of {mask} slots at {address:#x}")
        words = self._reader.words(self._reader.word(address + self._set[2]), 2 * (mask + 1))
        keys, marks = words[::2], words[1::2]
        if DELETED_HASH not in marks:
            return tuple(filter(None, keys))
        return tuple([key for key, mark in zip(keys, marks, strict=True) if key and mark != DELETED_HASH])

    def deque_items(self, address: int, limit: int = MAX_ITEMS) -> tuple[int, ...]:
        """Return the first `limit` items of a `collections.deque`, left to right."""
        layout = self._layout
        count = min(self.size(address), limit)
        block = self._reader.word(address + layout["deque_object.leftblock"])
        index = signed_at(self._reader.read(address + layout["deque_object.leftindex"], 8))[0]
        if not 0 <= index <= self._block_length:
            raise Misread(f"a deque that starts at {index} at {address:#x}")
        items: list[int] = []
        while len(items) < count and block:
            data, block = self._deque_block(block)
            items += data[index:]
            index = 0
        return tuple(items[:count])

    def _deque_block(self, block: int) -> tuple[tuple[int, ...], int]:
        """Return the block's slots and the address of the block to the right."""
        start, link = self._layout["deque_block.data"], self._layout["deque_block.rightlink"]
        raw = self._reader.read(block, link + 8)
        return struct.unpack_from(f"<{self._block_length}Q", raw, start), word_at(raw, link)[0]
