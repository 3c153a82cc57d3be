"""The objects of a target by address: what they are, what they hold, what they are worth."""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.cpython.attributes import Attributes
from spindoctor.cpython.classes import Class, Classes
from spindoctor.cpython.codes import Codes
from spindoctor.cpython.containers import Containers
from spindoctor.cpython.dicts import Dicts, Pairs
from spindoctor.cpython.functions import Function, Functions
from spindoctor.cpython.holdings import Holdings
from spindoctor.cpython.numbers import Numbers
from spindoctor.cpython.reader import Reader
from spindoctor.cpython.texts import Texts
from spindoctor.cpython.values import Values

DEPTH = 2
LIMIT = 100


class Objects:
    """Reads objects; every method raises `Misread` and nothing else, whatever lies at the address."""

    def __init__(self, reader: Reader) -> None:
        self.texts = Texts(reader)
        self.numbers = Numbers(reader)
        self.classes = Classes(reader)
        self.containers = Containers(reader, self.classes)
        self.dicts = Dicts(reader)
        self.attribute_reader = Attributes(reader, self.classes, self.dicts, self.texts)
        self.codes = Codes(reader, self.classes, self.texts, self.containers)
        self.functions = Functions(reader, self.classes, self.codes, self.containers)
        self.holdings = Holdings(reader, self.classes, self.texts, self.containers, self.dicts, self.attribute_reader)
        self._values = Values(self.classes, self.texts, self.numbers, self.holdings)

    def flush(self) -> None:
        """Forget types and code objects that were read."""
        self.classes.flush()
        self.attribute_reader.flush()
        self.codes.flush()

    def type_name(self, address: int) -> str:
        """Return `tp_name` of the object's type: `CancelScope`, but `_asyncio.Task`, `collections.deque`."""
        return self.classes.of(address).name

    def type_names(self, address: int) -> tuple[str, ...]:
        """Return the names of the object's type and its bases, in method resolution order."""
        return self.classes.names(self.classes.of(address))

    def attributes(self, address: int) -> dict[str, int]:
        """Return name -> address of the values that the instance holds in its dict and its slots."""
        return self.attribute_reader.read(address)

    def attribute(self, address: int, *names: str) -> int | None:
        """Return the address of what lies at the end of a path of attributes, None if one is missing."""
        found: int | None = address
        for name in names:
            found = self.attribute_reader.read(found).get(name) if found is not None else None
        return found

    def value(self, address: int, depth: int = DEPTH, limit: int = LIMIT) -> object:
        """Return a plain value: None, bool, int, float, str, bytes, or containers of such; other objects are `Opaque`.

        At most `limit` items of a container and `limit` characters of a string are given, and containers within
        containers down to `depth`.
        """
        return self._values.value(address, depth, limit)

    def plain(self, found: Class, address: int, limit: int = LIMIT) -> object:
        """Return what `value` does for depth 0 and an object whose type is known."""
        return self._values.plain(found, address, limit)

    def text(self, address: int, limit: int = 4096) -> str:
        """Return the first `limit` characters of a string."""
        return self.texts.read(address, limit)

    def length(self, address: int) -> int:
        """Return `len()` of a built-in container, string, bytes or weak collection, or the items queued in a queue."""
        return self.holdings.length(address)

    def items(self, address: int) -> tuple[int, ...]:
        """Return the addresses of the items of a list, tuple, set, deque or WeakSet, or of the keys of a dict."""
        return self.holdings.items(address)

    def pairs(self, address: int) -> Pairs:
        """Return the addresses of keys and values of a dict, OrderedDict, WeakKeyDictionary or WeakValueDictionary."""
        return self.holdings.pairs(address)

    def named_items(self, address: int) -> dict[str, int]:
        """Return the items of a dict whose keys are strings, by name."""
        return self.attribute_reader.named(self.holdings.pairs(address))

    def referent(self, reference: int) -> int | None:
        """Return the address of what a weak reference refers to, None if that is dead."""
        return self.holdings.referent(reference)

    def referents(self, references: Sequence[int]) -> list[int]:
        """Return what each of many weak references refers to, 0 for the dead ones."""
        return self.holdings.referents(references)

    def function(self, address: int) -> Function:
        """Return what a callable calls: a function, a bound method, a partial, a built-in."""
        return self.functions.describe(address)
