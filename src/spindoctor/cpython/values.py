"""Plain values of the target as plain values of ours, bounded in depth, width and number."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.cpython.classes import BYTES, DICT, INT, LIST, TEXT, TUPLE, Class, Classes
from spindoctor.cpython.holdings import DEQUE, SETS, Holdings
from spindoctor.cpython.numbers import Numbers
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread

MAX_VALUES = 20_000  # in one answer: nobody looks at more, and a depth and a width alone would allow it


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object that is no plain value, or lies deeper than asked for: its type's name and its address."""

    type_name: str
    address: int


class Values:
    """Turns addresses into values."""

    def __init__(self, classes: Classes, texts: Texts, numbers: Numbers, holdings: Holdings) -> None:
        self._classes = classes
        self._texts = texts
        self._numbers = numbers
        self._holdings = holdings

    def value(self, address: int, depth: int, limit: int) -> object:
        """Return the value: None, bool, int, float, str, bytes, or list, tuple, set, frozenset, dict of such.

        A deque is given as a list. Of containers the first `limit` items are given, of strings and bytes the first
        `limit` characters or bytes; what lies deeper than `depth` containers, and all other objects, are `Opaque`.
        """
        return _Answer(self, limit).value(address, depth)

    def simple(self, address: int, limit: int) -> object:
        """Return the value of an object that holds no others, else `Opaque`."""
        return self.plain(self._classes.of(address), address, limit)

    def plain(self, found: Class, address: int, limit: int) -> object:
        """Return the same of an object whose type is known."""
        flags, name = found.flags, found.name
        if name == "NoneType":
            return None
        if name == "bool":
            return bool(self._numbers.integer(address))
        if flags & INT:
            return self._numbers.integer(address)
        if flags & TEXT:
            return self._texts.read(address, limit)
        if flags & BYTES:
            return self._numbers.octets(address, limit)
        return self._numbers.real(address) if name == "float" else Opaque(name, address)

    def shape(self, address: int) -> str:
        """Return which of our containers an object becomes: "list", "tuple", "set", "frozenset", "dict" or ""."""
        found = self._classes.of(address)
        if found.flags & DICT:
            return "dict"
        if found.flags & LIST or found.name == DEQUE:
            return "list"
        return "tuple" if found.flags & TUPLE else found.name if found.name in SETS else ""

    def pairs(self, address: int) -> tuple[tuple[int, int], ...]:
        """Return the items of a dict."""
        return self._holdings.pairs(address)

    def items(self, address: int) -> tuple[int, ...]:
        """Return the items of another container."""
        return self._holdings.items(address)


class _Answer:
    """One value being put together; counts what has gone into it."""

    def __init__(self, values: Values, limit: int) -> None:
        self._values = values
        self._limit = limit
        self._left = MAX_VALUES

    def value(self, address: int, depth: int) -> object:
        self._left -= 1
        shape = self._values.shape(address) if depth > 0 and self._left > 0 else ""
        if not shape:
            return self._values.simple(address, self._limit)
        try:
            return self._container(address, shape, depth - 1)
        except TypeError as error:
            raise Misread(f"an item that cannot be hashed in the container at {address:#x}") from error

    def _container(self, address: int, shape: str, depth: int) -> object:
        if shape == "dict":
            pairs = self._values.pairs(address)[: self._limit]
            return {self.value(key, depth): self.value(value, depth) for key, value in pairs}
        items = [self.value(item, depth) for item in self._values.items(address)[: self._limit]]
        makers = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
        return makers[shape](items)
