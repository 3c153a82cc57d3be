"""What a callable calls: functions, bound methods, partials and built-ins."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.cpython.classes import Classes
from spindoctor.cpython.codes import FREE, Codes
from spindoctor.cpython.containers import Containers
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

BUILT_IN = frozenset({"builtin_function_or_method", "builtin_method"})
"""Types of what is written in C and may be bound; `PyCMethodObject` (3.9+), which is told its class, begins as the
other does (Include/cpython/methodobject.h)."""

MAX_WRAPPERS = 16
MAX_CELLS = 64


@dataclass(frozen=True, slots=True)
class Function:
    """What is called in the end.

    `frame` has the function and the line it is defined at; for what is written in C its file is empty and its line 0.
    `holder` is the address of the object the method is bound to, `address` that of the innermost function.
    """

    frame: Frame
    address: int
    holder: int | None = None


class Functions:
    """Decodes callables; what is no function known to CPython is named by its type."""

    def __init__(self, reader: Reader, classes: Classes, codes: Codes, containers: Containers) -> None:
        self._reader = reader
        self._classes = classes
        self._codes = codes
        self._containers = containers
        self._layout = reader.layout

    def describe(self, address: int) -> Function:
        """Return what the callable at `address` calls, seen through `functools.partial` and bound methods."""
        holder: int | None = None
        for _ in range(MAX_WRAPPERS):
            kind = self._classes.of(address).name
            if kind == "functools.partial":
                address = self._member(address, "partial_object.fn")
            elif kind == "method":
                holder = holder or self._member(address, "method_object.im_self")
                address = self._member(address, "method_object.im_func")
            else:
                return self._innermost(address, kind, holder)
        raise Misread(f"a callable at {address:#x} wrapped without end")

    def _member(self, address: int, name: str) -> int:
        return self._reader.word(address + self._layout[name])

    def _innermost(self, address: int, kind: str, holder: int | None) -> Function:
        if kind == "function":
            code = self._codes.at(self._member(address, "function_object.func_code"))
            return Function(code.definition, address, holder)
        if kind in BUILT_IN:
            name = self._reader.c_string(self._reader.word(self._member(address, "c_function_object.m_ml")))
            return Function(Frame(name, "", 0), address, self._member(address, "c_function_object.m_self") or None)
        return Function(Frame(kind, "", 0), address, holder)

    def bound_to(self, address: int, kind: str) -> int:
        """Return the object that a bound method, of Python ("method") or of C, is bound to; 0 if to none."""
        return self._member(address, "method_object.im_self" if kind == "method" else "c_function_object.m_self")

    def closure(self, address: int) -> dict[str, int]:
        """Return name -> address of the value of each variable that a function has captured."""
        members = ("function_object.func_closure", "function_object.func_code")
        cells, code = self._reader.gather([address + self._layout[name] for name in members])
        if not cells:
            return {}
        names = [name for name, kind in self._codes.variables(code) if kind & FREE]
        held = self._containers.tuple_items(cells, MAX_CELLS)
        values = self._reader.gather([cell + self._layout["cell_object.ob_ref"] for cell in held])
        return {name: value for name, value in zip(names, values, strict=False) if value}

    def partial_arguments(self, address: int) -> tuple[int, ...]:
        """Return the positional arguments kept by a `functools.partial`."""
        return self._containers.sequence(self._member(address, "partial_object.args"))
