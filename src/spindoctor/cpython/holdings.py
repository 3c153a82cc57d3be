"""What containers of any kind hold: length, items, pairs, and through weak references."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from spindoctor.cpython.attributes import Attributes
from spindoctor.cpython.classes import BYTES, DICT, LIST, TEXT, TUPLE, Class, Classes
from spindoctor.cpython.containers import MAX_ITEMS, Containers
from spindoctor.cpython.dicts import Dicts, Pairs
from spindoctor.cpython.reader import Reader
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread

SETS = frozenset({"set", "frozenset"})
DEQUE = "collections.deque"
SIMPLE_QUEUE = "_queue.SimpleQueue"
RING = 24
"""Bytes in front of the number of items of a ring (3.13 and later): the index of the next, the items, the capacity."""

WEAK_KEYS, WEAK_VALUES, WEAK_SET = "WeakKeyDictionary", "WeakValueDictionary", "WeakSet"
WRAPPED_IN = ("data", "queue", "_queue")
"""Attributes in which weak collections, UserList and the like, and queues (`queue`, `asyncio`) keep their items."""


class Holdings:
    """Decodes containers without being told which kind they are."""

    def __init__(  # noqa: PLR0913, PLR0917 - the decoders it is made of
        self,
        reader: Reader,
        classes: Classes,
        texts: Texts,
        containers: Containers,
        dicts: Dicts,
        attributes: Attributes,
    ) -> None:
        self._reader = reader
        self._layout = reader.layout
        self._classes = classes
        self._texts = texts
        self._containers = containers
        self._dicts = dicts
        self._attributes = attributes
        self._target = reader.layout["weakref_object.wr_object"]

    def length(self, address: int) -> int:
        """Return what `len()` gives for a container, string or bytes, and the queued items of a queue."""
        return self.length_of(self._classes.of(address), address)

    def length_of(self, found: Class, address: int) -> int:
        """Return the same for an object whose type is known."""
        length = self._own_length(address, found)
        if length is not None:
            return length
        attributes = self._attributes.read_of(found, address)
        inner = next((attributes[name] for name in WRAPPED_IN if name in attributes), None)
        length = self._own_length(inner, self._classes.of(inner)) if inner else None
        if length is None:
            raise Misread(f"nothing with a length at {address:#x}, but {found.name}")
        return length

    def _own_length(self, address: int, found: Class) -> int | None:
        """Return the length of what is a container by itself."""
        if found.flags & DICT:
            return self._dicts.length(address)
        if found.flags & TEXT:
            return self._texts.length(address)
        if found.flags & (LIST | TUPLE | BYTES) or found.name == DEQUE:
            return self._reader.word(address + self._layout["var_object.ob_size"])
        if found.name in SETS:
            return self._containers.set_size(address)
        return self._queued(address) if found.name == SIMPLE_QUEUE else None

    def _in_line(self, address: int) -> tuple[int, ...]:
        """Return what a SimpleQueue holds, the next one first (Modules/_queuemodule.c)."""
        if "simple_queue.num_items" not in self._layout:
            taken = self._reader.word(address + self._layout["simple_queue.list_position"])
            return self._containers.list_items(self._reader.word(address + self._layout["simple_queue.list"]))[taken:]
        first, items, capacity, count = self._reader.words(
            address + self._layout["simple_queue.num_items"] - RING, RING // 8 + 1
        )
        if not max(first, count) <= capacity <= MAX_ITEMS:
            raise Misread(f"{count} items in a ring of {capacity} at {address:#x}")
        places = [items + 8 * ((first + number) % capacity) for number in range(count)]
        return tuple(self._reader.gather(places)) if places else ()

    def _queued(self, address: int) -> int:
        if "simple_queue.num_items" in self._layout:
            return self._reader.word(address + self._layout["simple_queue.num_items"])
        items = self._reader.word(address + self._layout["simple_queue.list"])
        taken = self._reader.word(address + self._layout["simple_queue.list_position"])
        return max(0, self._containers.size(items) - taken)

    def items(self, address: int) -> tuple[int, ...]:
        """Return the items of a list, tuple, set, frozenset, deque, SimpleQueue or WeakSet, or the keys of a dict."""
        found = self._classes.of(address)
        if found.flags & (LIST | TUPLE):
            return self._containers.sequence(address)
        if found.flags & DICT or found.name in {WEAK_KEYS, WEAK_VALUES}:
            return tuple(key for key, _ in self.pairs(address))
        if found.name in SETS:
            return self._containers.set_items(address)
        if found.name == DEQUE:
            return self._containers.deque_items(address)
        if found.name == SIMPLE_QUEUE:
            return self._in_line(address)
        if found.name == WEAK_SET:
            return tuple(filter(None, self.referents(self._containers.set_items(self._data(address)))))
        raise Misread(f"no container known at {address:#x}, but {found.name}")

    def pairs(self, address: int) -> Pairs:
        """Return the items of a dict (also OrderedDict, defaultdict) or of a weak dictionary, dead ones left out."""
        found = self._classes.of(address)
        if found.flags & DICT:
            return self._dicts.pairs(address)
        if found.name not in {WEAK_KEYS, WEAK_VALUES}:
            raise Misread(f"no mapping known at {address:#x}, but {found.name}")
        inner = self._dicts.pairs(self._data(address))
        keys, values = [key for key, _ in inner], [value for _, value in inner]
        if found.name == WEAK_KEYS:
            keys = self.referents(keys)
        else:
            values = self.referents(values)
        return tuple((key, value) for key, value in zip(keys, values, strict=True) if key and value)

    def _data(self, address: int) -> int:
        data = self._attributes.read(address).get("data")
        if data is None:
            raise Misread(f"a weak collection without data at {address:#x}")
        return data

    def referent(self, reference: int) -> int | None:
        """Return the address of what a weak reference refers to, None if that is dead."""
        if not any(
            "weakref" in name or name == "KeyedRef" for name in self._classes.names(self._classes.of(reference))
        ):
            raise Misread(f"no weak reference at {reference:#x}")
        return self.referents([reference])[0] or None

    def referents(self, references: Sequence[int]) -> list[int]:
        """Return what each of many weak references refers to, 0 for the dead ones and those that died meanwhile."""
        if not references:
            return []
        targets = self._reader.gather([reference + self._target for reference in references])
        types = self._reader.types_of(targets)
        gone = {kind for kind in set(types) if self._is_gone(kind)}
        return [0 if kind in gone else target for target, kind in zip(targets, types, strict=True)]

    def _is_gone(self, kind: int) -> bool:
        """Whether what has this type is no object any more: None, or what was freed while we came to it."""
        with suppress(Misread):
            return self._classes.at(kind).name == "NoneType"
        return True
