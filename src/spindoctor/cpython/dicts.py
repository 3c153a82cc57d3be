"""Dictionaries of the target: the combined and the split table of all versions."""

from __future__ import annotations

import struct
from typing import NamedTuple

from spindoctor.cpython.reader import Reader, word_at
from spindoctor.errors import Misread

MAX_ENTRIES = 1 << 20
GENERAL_ENTRY, TEXT_ENTRY = 24, 16  # hash, key, value; and since 3.11 key, value where all keys are strings
COMPACT_SINCE = 11
HEADED_VALUES_SINCE = 13

Pairs = tuple[tuple[int, int], ...]
"""Addresses of key and value, in order of insertion."""


class _Table(NamedTuple):
    entries: int
    filled: int
    entry_size: int


class Dicts:
    """Decodes `dict` objects (and subclasses), and the values that instances keep without one."""

    def __init__(self, reader: Reader) -> None:
        layout = reader.layout
        self._reader = reader
        self._layout = layout
        self._is_compact = layout.minor >= COMPACT_SINCE
        self._used = layout.offsets.get("dict_object.ma_used", 16)
        self._keys = layout["dict_object.ma_keys"]
        self._values = layout["dict_object.ma_values"]
        self._head = layout["dict_keys.indices"]
        self._count = layout["dict_keys.nentries"]
        self._has_headed_values = layout.minor >= HEADED_VALUES_SINCE

    def length(self, address: int) -> int:
        """Return the number of items."""
        return self._reader.word(address + self._used)

    def pairs(self, address: int) -> Pairs:
        """Return the items of the dict at `address`."""
        keys, values = self._reader.gather([address + self._keys, address + self._values])
        return self.split_pairs(keys, values) if values else self._combined_pairs(keys)

    def state(self, address: int) -> tuple[int, int]:
        """Return where the table of a dict lies and how many entries were ever made in it: a new key changes that."""
        keys = self._reader.gather([address + self._keys, address + self._values])[0]
        return keys, self._table(keys).filled

    def _combined_pairs(self, keys: int) -> Pairs:
        table = self._table(keys)
        words = self._reader.words(table.entries, table.filled * table.entry_size // 8)
        step = table.entry_size // 8
        found = zip(words[step - 2 :: step], words[step - 1 :: step], strict=True)
        return tuple((key, value) for key, value in found if key and value)

    def split_pairs(self, keys: int, values: int) -> Pairs:
        """Return the items whose keys all instances of a type share, and whose values are the instance's own."""
        table = self._table(keys)
        count = table.filled
        if self._has_headed_values:
            count = min(count, self._reader.read(values + self._layout["dict_values.capacity"], 1)[0])
            values += self._layout["dict_values.values"]
        step = table.entry_size // 8
        entries, slots = self._reader.read_many([(table.entries, count * table.entry_size), (values, 8 * count)])
        names = struct.unpack(f"<{count * step}Q", entries)[step - 2 :: step]
        found = zip(names, struct.unpack(f"<{count}Q", slots), strict=True)
        return tuple((key, value) for key, value in found if key and value)

    def _table(self, keys: int) -> _Table:
        """Return where the entries lie, behind indices whose width depends on the table's size."""
        head = self._reader.read(keys, self._head)
        count = word_at(head, self._count)[0]
        layout = self._layout
        if self._is_compact:
            log2_indices, log2_slots = head[layout["dict_keys.log2_index_bytes"]], head[layout["dict_keys.log2_size"]]
            slots, indices = 1 << min(log2_slots, 63), 1 << min(log2_indices, 63)
            is_general = head[layout["dict_keys.kind"]] == layout.constants["dict_kind.general"]
        else:
            slots = word_at(head, layout["dict_keys.size"])[0]
            indices = slots * next((w for w in (1, 2, 4) if slots < 1 << 8 * w), 8)
            is_general = True
        if count > min(slots, MAX_ENTRIES):
            raise Misread(f"a table of {slots} slots with {count} entries at {keys:#x}")
        return _Table(keys + self._head + indices, count, GENERAL_ENTRY if is_general else TEXT_ENTRY)
