"""Types of the target: names, bases, flags and C-level members."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.cpython.reader import Reader, int_at, signed_at, word_at
from spindoctor.errors import Misread

HEAP_TYPE = 1 << 9  # type flags: Include/object.h
INT, LIST, TUPLE, BYTES, TEXT, DICT, EXCEPTION, TYPE = (1 << bit for bit in range(24, 32))
MAX_BASES = 1024
MAX_MEMBERS = 256
OBJECT_MEMBERS = frozenset({6, 16})  # T_OBJECT and T_OBJECT_EX: Include/structmember.h


@dataclass(frozen=True, slots=True)
class Class:
    """One type: `name` is `tp_name` (`Task` of a Python class, `collections.deque` of a C type); sizes in bytes."""

    address: int
    name: str
    flags: int
    basic_size: int
    item_size: int
    dict_offset: int
    members: int
    bases: int
    count: int

    @property
    def is_heap_type(self) -> bool:
        """Made at run time, as every class written in Python is."""
        return bool(self.flags & HEAP_TYPE)


class Classes:
    """Decodes type objects and keeps what it has read, by address, until `flush`."""

    def __init__(self, reader: Reader) -> None:
        layout = reader.layout
        self._reader = reader
        self._read = reader.memory.read
        self._ob_type = layout["pyobject.ob_type"]
        self._item = layout["tuple_object.ob_item"]
        self._size = layout["var_object.ob_size"]
        self._length = layout["type_object.tp_mro"] + 8
        self._at = {name: layout[f"type_object.{name}"] for name in _READ}
        self._member = {name: layout[f"member_def.{name}"] for name in ("size", "name", "type", "offset")}
        self.flush()

    def flush(self) -> None:
        """Forget everything: types may have been replaced by others at their address."""
        self._classes: dict[int, Class] = {}
        self._bases: dict[int, tuple[int, ...]] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._members: dict[int, dict[str, int]] = {}

    def of(self, address: int) -> Class:
        """Return the type of the object at `address`."""
        kind = word_at(self._read(address + self._ob_type, 8))[0]
        return self._classes.get(kind) or self.at(kind)

    def at(self, address: int) -> Class:
        """Return the type object at `address`; `Misread` if there is none."""
        found = self._classes.get(address)
        if found is None:
            found = self._classes[address] = self._decode(address)
        return found

    def _decode(self, address: int) -> Class:
        block = self._reader.read(address, self._length)
        metatype = word_at(block, 8)[0]
        if not self._reader.word(metatype + self._at["tp_flags"]) & TYPE:
            raise Misread(f"no type at {address:#x}")
        at = self._at
        return Class(
            address=address,
            name=self._reader.c_string(word_at(block, at["tp_name"])[0]),
            flags=word_at(block, at["tp_flags"])[0],
            basic_size=word_at(block, at["tp_basicsize"])[0],
            item_size=word_at(block, at["tp_itemsize"])[0],
            dict_offset=signed_at(block, at["tp_dictoffset"])[0],
            members=word_at(block, at["tp_members"])[0],
            bases=word_at(block, at["tp_mro"])[0],
            count=word_at(block, self._size)[0],
        )

    def mro(self, found: Class) -> tuple[int, ...]:
        """Return the addresses of the type and its bases in method resolution order."""
        bases = self._bases.get(found.address)
        if bases is None:
            count = self._reader.word(found.bases + self._size) if found.bases else 0
            if count > MAX_BASES:
                raise Misread(f"{count} bases of the type at {found.address:#x}")
            bases = self._bases[found.address] = self._reader.words(found.bases + self._item, count)
        return bases

    def names(self, found: Class) -> tuple[str, ...]:
        """Return the names of the type and its bases in method resolution order."""
        names = self._names.get(found.address)
        if names is None:
            names = self._names[found.address] = tuple(self.at(base).name for base in self.mro(found))
        return names

    def members(self, found: Class) -> dict[str, int]:
        """Return name -> offset of the object members that this one type declares in C or in `__slots__`."""
        members = self._members.get(found.address)
        if members is None:
            members = self._members[found.address] = self._decode_members(found)
        return members

    def _decode_members(self, found: Class) -> dict[str, int]:
        members: dict[str, int] = {}
        count = min(found.count, MAX_MEMBERS) if found.is_heap_type else MAX_MEMBERS
        for index in range(count if found.members else 0):
            block = self._reader.read(found.members + index * self._member["size"], self._member["size"])
            name = word_at(block, self._member["name"])[0]
            if not name:
                break
            if int_at(block, self._member["type"])[0] in OBJECT_MEMBERS:
                members[self._reader.c_string(name)] = word_at(block, self._member["offset"])[0]
        return members


_READ = ("tp_name", "tp_flags", "tp_basicsize", "tp_itemsize", "tp_dictoffset", "tp_members", "tp_mro")
