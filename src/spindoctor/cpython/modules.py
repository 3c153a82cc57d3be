"""Imported modules of the target and what they hold."""

from __future__ import annotations

from spindoctor.cpython.attributes import Attributes
from spindoctor.cpython.dicts import Dicts
from spindoctor.cpython.reader import Reader
from spindoctor.cpython.texts import Texts
from spindoctor.cpython.threads import Runtime
from spindoctor.errors import Misread

MAX_NAME = 256
MAX_MODULES = 1 << 15


class Modules:
    """`sys.modules` of the main interpreter. Modules once found are kept until `flush`."""

    def __init__(self, reader: Reader, runtime: Runtime, dicts: Dicts, texts: Texts, attributes: Attributes) -> None:
        self._reader = reader
        self._runtime = runtime
        self._dicts = dicts
        self._texts = texts
        self._attributes = attributes
        self.flush()

    def flush(self) -> None:
        """Forget where modules and what they hold lie."""
        self._found: dict[str, int] = {}
        self._state = (0, 0)
        self._contents: dict[str, dict[str, int]] = {}

    def _all(self) -> dict[str, int]:
        pairs = self._dicts.pairs(self._runtime.member("imports_modules"))
        if len(pairs) > MAX_MODULES:
            raise Misread(f"{len(pairs)} modules")
        names = self._texts.read_many([key for key, _ in pairs], MAX_NAME)
        return {name: module for name, (_, module) in zip(names, pairs, strict=True) if name}

    def find(self, name: str) -> int | None:
        """Return the address of one module, None if there is none: all are read again where one has come."""
        if name not in self._found:
            self._renew()
        return self._found.get(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all imported modules: they are read again where one has come."""
        self._renew()
        return tuple(self._found)

    def _renew(self) -> None:
        state = self._dicts.state(self._runtime.member("imports_modules"))
        if state != self._state:
            self._found, self._state = self._all(), state

    def contents(self, name: str) -> dict[str, int]:
        """Return name -> address of what a module holds now, nothing if it is not imported."""
        module = self.find(name)
        if module is None:
            return {}
        inner = self._reader.word(module + self._reader.layout["module_object.md_dict"])
        return self._attributes.named(self._dicts.pairs(inner)) if inner else {}

    def kept_contents(self, name: str) -> dict[str, int]:
        """Return `contents` as it was when first asked for: for names that a module binds once for all."""
        if name not in self._contents:
            found = self.contents(name)
            if not found:
                return found
            self._contents[name] = found
        return self._contents[name]
