"""The modules that a process has imported, and their files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from spindoctor.errors import DoctorError, Misread
from spindoctor.probe.interpreter import Interpreter

_KNOWN = {"__main__", *sys.stdlib_module_names}


class Imported:
    """The imported modules of one process, read when they are asked for; what cannot be read is left out."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter

    def names_of(self, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The modules in files for which `is_wanted`; a package that is not wanted is not searched further."""
        return tuple(self._wanted(is_wanted))

    def files(self, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """The files of these modules."""
        return tuple(dict.fromkeys(self._wanted(is_wanted).values()))

    def tops(self) -> Iterator[tuple[str, str]]:
        """The top-level modules and their files, without the standard library's: first `__main__`, then the latest.

        Some 15 us a module: whoever looks for one of the program's own finds it among the first.
        """
        yield "__main__", self._file("__main__")
        names = dict.fromkeys(name.partition(".")[0] for name in reversed(self._names()))
        yield from ((name, self._file(name)) for name in names if name not in _KNOWN)

    def _wanted(self, is_wanted: Callable[[str], bool]) -> dict[str, str]:
        packages: dict[str, list[str]] = {}
        for name in self._names():
            packages.setdefault(name.partition(".")[0], []).append(name)
        found: dict[str, str] = {}
        for top, names in packages.items():
            if top not in sys.stdlib_module_names and is_wanted(self._file(top)):
                found |= {name: self._file(name) for name in names}
        return {name: file for name, file in found.items() if is_wanted(file)}

    def _names(self) -> tuple[str, ...]:
        try:
            return self._interpreter.module_names()
        except (Misread, DoctorError):
            return ()

    def _file(self, name: str) -> str:
        """The file of a module; empty where it has none or cannot be read."""
        try:
            address = self._interpreter.module_contents(name).get("__file__")
            return self._interpreter.objects.text(address) if address else ""
        except (Misread, DoctorError):
            return ""
