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
    return frame.is_own or _is_user_file(frame.file)


@lru_cache(MOST_FILES)
def _is_user_file(file: str) -> bool:
    return not is_library(file) and not PSEUDO.match(file)


def is_library(file: str) -> bool:
    """Whether an installer or the interpreter put the file where it is."""
    return bool(LIBRARY.search(file))
