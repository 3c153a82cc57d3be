"""Attributes of instances: `__dict__` in all the shapes it had from 3.8 to 3.15, `__slots__` and members of C types.

| version | where the values of an ordinary instance lie |
| --- | --- |
| 3.8-3.10 | in a dict, at `tp_dictoffset` (counted from the end for objects of variable size) |
| 3.11 | values pointer 32 bytes before the object, dict pointer 24 bytes before it |
| 3.12 | one word 24 bytes before the object: a dict, or values if the lowest bit is set |
| 3.13+ | behind the object while `valid`; else a dict, whose pointer lies 24 bytes before the object |

Sources: Include/internal/pycore_object.h (`_PyObject_GetDictPtr`, `_PyObject_InlineValues`),
Include/internal/pycore_dict.h.
"""

from __future__ import annotations

from spindoctor.cpython.classes import Class, Classes
from spindoctor.cpython.dicts import Dicts, Pairs
from spindoctor.cpython.reader import Reader, signed_at
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread

MANAGED_DICT, INLINE_VALUES = 1 << 4, 1 << 2  # type flags, 3.11+ and 3.13+
MANAGED_DICT_AT, VALUES_AT_311 = -24, -32
MAX_DEPTH = 64  # bases searched for members
MAX_NAMES = 1 << 16
MAX_KEPT = 1 << 12  # sets of names
VALUES_SINCE, TAGGED_POINTER = 11, 12


class Attributes:
    """Decodes the attributes an instance itself holds; what its type holds is not among them."""

    def __init__(self, reader: Reader, classes: Classes, dicts: Dicts, texts: Texts) -> None:
        self._reader = reader
        self._classes = classes
        self._dicts = dicts
        self._texts = texts
        self._cached_keys = reader.layout["heap_type_object.ht_cached_keys"]
        self._valid = reader.layout.offsets.get("dict_values.valid", 0)
        self._minor = reader.layout.minor
        self._names: dict[tuple[int, ...], list[str | None]] = {}

    def flush(self) -> None:
        """Forget the names that instances share: their type may be gone."""
        self._names.clear()

    def read(self, address: int) -> dict[str, int]:
        """Return name -> address of the value, slots first."""
        return self.read_of(self._classes.of(address), address)

    def read_of(self, found: Class, address: int) -> dict[str, int]:
        """Return the same of an instance whose type is known."""
        attributes = self._slots(address, found)
        if self._minor >= VALUES_SINCE and found.flags & MANAGED_DICT:
            attributes.update(self._managed_items(address, found))
        elif found.dict_offset:
            pointer = self._reader.word(address + self._dict_offset(address, found))
            attributes.update(self.named(self._dicts.pairs(pointer) if pointer else ()))
        return attributes

    def one(self, address: int, name: str) -> int | None:
        """Return the address of one attribute's value, None if the instance has no such attribute."""
        return self.read(address).get(name)

    def named(self, pairs: Pairs) -> dict[str, int]:
        """Return the items whose keys are strings, by name."""
        if len(pairs) > MAX_NAMES:
            raise Misread(f"{len(pairs)} names in one place")
        names = self._texts.read_many([key for key, _ in pairs])
        return {name: value for name, (_, value) in zip(names, pairs, strict=True) if name is not None}

    def _slots(self, address: int, found: Class) -> dict[str, int]:
        members = {
            name: offset
            for base in self._classes.mro(found)[:MAX_DEPTH]
            for name, offset in self._classes.members(self._classes.at(base)).items()
            if not name.startswith("__")
        }
        values = self._reader.gather([address + offset for offset in members.values()]) if members else []
        return {name: value for name, value in zip(members, values, strict=True) if value}

    def _managed_items(self, address: int, found: Class) -> dict[str, int]:
        values, pointer = self._managed(address, found)
        if not values:
            return self.named(self._dicts.pairs(pointer) if pointer else ())
        pairs = self._dicts.split_pairs(self._reader.word(found.address + self._cached_keys), values)
        return self._shared(pairs)

    def _shared(self, pairs: Pairs) -> dict[str, int]:
        """Return what `named` does for names that the type keeps: they live as long as it does."""
        keys = tuple([key for key, _ in pairs])
        names = self._names.get(keys)
        if names is None:
            if len(self._names) >= MAX_KEPT:
                self.flush()
            names = self._texts.read_many(keys)
            if None not in names:
                self._names[keys] = names
        return {name: value for name, (_, value) in zip(names, pairs, strict=True) if name is not None}

    def _managed(self, address: int, found: Class) -> tuple[int, int]:
        """Return the addresses of the instance's values and of its dict; one of them is 0."""
        pointer = self._reader.word(address + MANAGED_DICT_AT)
        if self._minor == VALUES_SINCE:
            return self._reader.word(address + VALUES_AT_311), pointer
        if self._minor == TAGGED_POINTER:
            return (pointer + 1, 0) if pointer & 1 else (0, pointer)
        if pointer or not found.flags & INLINE_VALUES:
            return 0, pointer
        values = address + found.basic_size
        return (values, 0) if self._reader.read(values + self._valid, 1)[0] else (0, 0)

    def _dict_offset(self, address: int, found: Class) -> int:
        """Return `tp_dictoffset`, resolved if it is counted from the end of an object of variable size."""
        if found.dict_offset > 0:
            return found.dict_offset
        count: int = abs(signed_at(self._reader.read(address + self._reader.layout["var_object.ob_size"], 8))[0])
        if count > 1 << 32 or found.item_size > 1 << 16:
            raise Misread(f"an object of {count} items of {found.item_size} bytes at {address:#x}")
        return found.dict_offset + (found.basic_size + count * found.item_size + 7 & ~7)
