"""Lines of the target's source around a place, read through its own root and working directory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from spindoctor.model.process import Process
from spindoctor.model.recording import SourceWindow
from spindoctor.probe.root import TargetRoot

LINES_AROUND = 4
"""Enough to recognise a place, few enough for several places on one screen."""

_MOST_BYTES = 8 << 20
_MOST_FILES = 256
_MOST_LINE_CHARACTERS = 500
_MOST_FUNCTION_LINES = 600
START_IS_EXACT_TO_S = 0.05
"""A start time counts in clock ticks of 10 ms, and an interpreter takes as long to open its first source file."""

_DECLARED_ENCODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
"""PEP 263, in one of the first two lines."""


class SourceReader:
    """The source files of one process; each is read once."""

    def __init__(self, process: Process) -> None:
        """Of a process as it was read; its start time tells which files have changed since."""
        self._root = TargetRoot(process.pid)
        self._started_at = process.started_at
        self._files: dict[str, tuple[tuple[str, ...], bool] | None] = {}

    def read(self, file: str) -> tuple[tuple[str, ...], bool] | None:
        """All lines of a file, and whether it was changed after the process started.

        None for what is no file ("<string>", "<frozen ...>", inside a zip), too large, or not readable.
        """
        if not file or file.startswith("<"):
            return None
        if file not in self._files:
            if len(self._files) >= _MOST_FILES:
                return None
            self._files[file] = self._read(file)
        return self._files[file]

    def _read(self, file: str) -> tuple[tuple[str, ...], bool] | None:
        found = self._root.read_file(file, _MOST_BYTES)
        if found is None:
            return None
        content, changed_at = found
        return decode_source(content), changed_at > self._started_at + START_IS_EXACT_TO_S

    def window(self, file: str, line: int, around: int = LINES_AROUND) -> SourceWindow | None:
        """The lines around `line` (counted from 1); None where the file cannot be read or has no such line."""
        found = self.read(file)
        if found is None:
            return None
        lines, is_changed = found
        if not 1 <= line <= len(lines):
            return None
        first = max(1, line - around)
        shown = tuple(one[:_MOST_LINE_CHARACTERS] for one in lines[first - 1 : line + around])
        return SourceWindow(file, line, first, shown, is_changed)

    def function(self, file: str, name: str, line: int) -> SourceWindow | None:
        """The whole function called `name` around `line`, by its indentation; for `<module>` the whole file.

        None where it cannot be read, is not there, or is longer than a person would read.
        """
        found = self.read(file)
        if found is None or not 1 <= line <= len(found[0]):
            return None
        lines, is_changed = found
        first, last = (1, len(lines)) if name == "<module>" else _extent(lines, name.rpartition(".")[2], line)
        if not first or last - first >= _MOST_FUNCTION_LINES:
            return None
        return SourceWindow(file, line, first, lines[first - 1 : last], is_changed)


def _extent(lines: Sequence[str], name: str, line: int) -> tuple[int, int]:
    """The first and the last line of the function `name` that `line` belongs to; zeros where there is none."""
    begins = re.compile(rf"(async\s+)?def\s+{re.escape(name)}\b")
    for first in range(line, 0, -1):
        text = lines[first - 1]
        if begins.match(text.lstrip()):
            depth = _depth(text)
            ends = (n for n in range(line + 1, len(lines) + 1) if _ends_block(lines[n - 1], depth))
            return first, next(ends, len(lines) + 1) - 1
    return 0, 0


def _depth(text: str) -> int:
    return len(text) - len(text.lstrip())


def _ends_block(text: str, depth: int) -> bool:
    """Whether a line lies outside a block that is indented deeper than `depth`; a closing bracket does not."""
    return bool(text.strip()) and _depth(text) <= depth and text.lstrip()[0] not in "#)]}\"'"


def decode_source(content: bytes) -> tuple[str, ...]:
    """The lines of a source file, by its declared encoding (PEP 263), else UTF-8; what does not decode is replaced."""
    text = content.removeprefix(codecs.BOM_UTF8).decode(_encoding(content), "replace")
    return tuple(line.rstrip("\r\n\f") for line in re.split(r"\r\n|\r|\n", text)) if text else ()


def _encoding(content: bytes) -> str:
    for line in content.split(b"\n", 2)[:2]:
        declared = _DECLARED_ENCODING.match(line)
        if declared:
            try:
                return codecs.lookup(declared[1].decode("ascii", "replace")).name
            except LookupError:
                return "utf-8"
    return "utf-8"
