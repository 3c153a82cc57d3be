"""One place in Python code, and stacks of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that is being run or is suspended, and the line it stands at.

    `function` is the qualified name where the interpreter keeps one (3.11+), else the plain name.
    `file` is `co_filename` as compiled into the code object. `line` is 0 where none is known. `is_own`: the file is
    installed like a library's, and is the service's own all the same.
    """

    function: str
    file: str
    line: int
    is_own: bool = False


Stack = tuple[Frame, ...]
"""Frames, innermost (the one that runs) first."""
