"""Whose code a frame is: the user's, or a library's or the interpreter's."""

from __future__ import annotations

import re
from functools import lru_cache

from spindoctor.model.frames import Frame

LIBRARY = re.compile(r"/(site|dist)-packages/|^<frozen |/lib(64)?/python3\.\d+t?/|/python3\d+t?\.zip/")
"""Where installers and the interpreter put code (sysconfig's `purelib`, `platlib`, `stdlib`); `<frozen` has no file.

Editable installs and the working directory lie elsewhere and are the user's.
"""

INSTALLED = re.compile(r"/(site|dist)-packages/")
"""Where installers put code, and nobody else."""

PSEUDO = re.compile(r"^<|^$")
"""`<string>`, `<class 'x.argmap'> compilation 25`: compiled at run time, in nobody's file."""

MOST_FILES = 1 << 14
"""A look shows the same few hundred files in tens of thousands of frames: the patterns are asked once for each."""

SHIM = "<shim>"
"""The file of the frame with which CPython 3.12 enters its own evaluation loop: no function of anybody's."""


def is_user(frame: Frame) -> bool:
    """Whether the frame is the user's own code: neither a library's, nor the interpreter's, nor made at run time."""
    return frame.is_own or (_is_user_file(frame.file) and not _is_compiled(frame.file, frame.function))


@lru_cache(MOST_FILES)
def _is_user_file(file: str) -> bool:
    return not is_library(file) and not PSEUDO.match(file)


@lru_cache(MOST_FILES)
def _is_compiled(file: str, function: str) -> bool:
    """Whether it stands for a function of a compiled module, in a traceback: no code that Python runs.

    Cython gives such a frame the module's whole name before the function's, which no function of Python's has, and the
    path of its source where it was built (`__Pyx_AddTraceback` in Cython/Utility/Exceptions.c).
    """
    path, _, kind = file.rpartition(".")
    names, stem = function.split("."), path.rpartition("/")[2]
    if stem not in names[:-1]:
        return False
    module = names[: names.index(stem) + 1]
    is_told = len(module) > 1 or kind != "py"  # a class may be called as its module is
    return is_told and f"/{path}".endswith("/" + "/".join(module))


def is_library(file: str) -> bool:
    """Whether an installer or the interpreter put the file where it is."""
    return bool(LIBRARY.search(file))
