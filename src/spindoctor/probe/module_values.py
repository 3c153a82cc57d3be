"""What modules keep in variables of their own, by the file whose functions know them as globals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from spindoctor.errors import DoctorError, Misread
from spindoctor.probe.interpreter import Interpreter

MAIN = "__main__"
MOST_FILES = 64
"""Files of which the modules are asked, each once: those of functions that threads and tasks were met in."""

Variables = tuple[tuple[str, int], ...]
"""Names and addresses."""


class ModuleValues:
    """Reads modules of one process."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._contents: dict[str, Mapping[str, int]] = {}
        self._files: dict[str, Variables] = {}

    def of(self, file: str) -> Variables:
        """The variables of the modules that were read from a file; none of files beyond the bound."""
        if file not in self._files:
            if len(self._files) >= MOST_FILES:
                return ()
            names = list(self._modules_of(file))
            self._files[file] = tuple(pair for name in names for pair in self._read(name).items())
        return self._files[file]

    def _modules_of(self, file: str) -> Iterator[str]:
        """The modules whose names the path ends with, and `__main__` where it was read from there."""
        path = re.sub(r"(/__init__)?\.py$", "", file)
        yield from (name for name in self._names() if path.endswith(_tail(name)))
        if self._is_main(file):
            yield MAIN

    def _is_main(self, file: str) -> bool:
        """A script may be called by a path that begins elsewhere: the end of it is compared."""
        told = self._read(MAIN).get("__file__")
        name = self._interpreter.objects.value(told) if told else None
        return isinstance(name, str) and file.endswith(re.sub(r"^(\.+/)*", "", name))

    def _names(self) -> Sequence[str]:
        with suppress(Misread):
            return self._interpreter.module_names()
        return ()

    def _read(self, module: str) -> Mapping[str, int]:
        if module not in self._contents:
            self._contents[module] = {}
            with suppress(Misread, DoctorError):
                self._contents[module] = self._interpreter.module_contents(module)
        return self._contents[module]


def _tail(module: str) -> str:
    """How the path of a module's file ends, but for what comes after its name."""
    return "/" + module.replace(".", "/")
