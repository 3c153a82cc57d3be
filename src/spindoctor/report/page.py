"""A page of text for a terminal: wraps by the width of cells, styles, and nothing but ASCII of its own.

A path or URL longer than the line is never broken, so that it can be copied; the terminal wraps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from io import StringIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from spindoctor.report.words import safe

NARROWEST = 20
"""Columns below which wrapping makes a page harder to read than a line that runs over."""

NARROW = 40
"""Columns below which a column of labels leaves too little beside it."""

LONGEST_NAME = 80
"""Letters of one word that is no path: a longer name fills the page and is read by nobody; JSON has it whole."""

KEPT_START, KEPT_END = 57, 20
"""Letters of such a name that are shown: a number that tells it from others mostly stands at its end."""

MARGIN = 3
"""Blanks in front of what belongs to a numbered finding: the width of `1. `."""

LABEL_WIDTH = 12
"""Room for the longest label, `candidates:`, and a blank."""

_WORD = re.compile(r"\S+\s*")
_NAME = re.compile(rf"(?<!\S)[^\s/]{{{LONGEST_NAME + 1},}}(?!\S)")


class Page:
    """Collects lines; `text` gives them.

    `width` is in columns; with `color` the text carries ANSI styles, without it carries none at all.
    """

    def __init__(self, width: int, *, color: bool) -> None:
        """An empty page."""
        self.width = max(width, NARROWEST)
        self._out = StringIO()
        self._ends_blank = True
        self._console = Console(
            file=self._out,
            width=self.width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @property
    def text(self) -> str:
        """Everything said so far, each line ended by a line break."""
        return self._out.getvalue()

    def blank(self) -> None:
        """An empty line, unless the line before is one."""
        if not self._ends_blank:
            self._out.write("\n")
        self._ends_blank = True

    def heading(self, words: str) -> None:
        """A section's name, after an empty line."""
        self.blank()
        self.say(words, style="bold underline")

    def say(self, words: str | Text, *, style: str = "", indent: int = 0, hang: int = 0) -> None:
        """A paragraph, wrapped; lines after the first are indented by `hang` more."""
        self._write(_styled(words, style), " " * indent, " " * (indent + hang))

    def field(self, label: str, words: str | Text, *, style: str = "") -> None:
        """A labelled paragraph of a finding."""
        body = _styled(words, style)
        self._write(body, self._label(label), self._beside_label)

    def bullets(self, label: str, items: Iterable[str]) -> None:
        """A labelled list of a finding: one paragraph for each item."""
        for position, item in enumerate(items):
            first = self._label("" if position else label)
            self._write(_styled(item, ""), Text.assemble(first, "- "), f"{self._beside_label}  ")

    def code(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Lines of source, cut at the page's edge; (text, whether it is the one meant)."""
        for words, is_meant in lines:
            self._put(Text("     ") + Text(self._cut(words, self.width - 5), style="bold" if is_meant else "dim"))

    def code_line(self, words: str, *, indent: int) -> None:
        """One line of source, cut at the page's edge."""
        self._put(Text(" " * indent) + Text(self._cut(safe(words), max(self.width - indent, NARROWEST // 2))))

    def columns(self, rows: Sequence[Sequence[str]], *, indent: int = 2) -> None:
        """Rows with all columns but the last padded to the same width; a row that is too long is wrapped."""
        widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)] if rows else []
        for row in rows:
            padded = [set_cell_size(cell, width) for cell, width in zip(row, widths, strict=False)]
            hang = sum(widths) + 2 * len(widths)
            self.say("  ".join([*padded, row[-1]]), indent=indent, hang=hang if hang <= self.width / 2 else 2)

    @property
    def _beside_label(self) -> str:
        return " " * (MARGIN + (LABEL_WIDTH if self.width >= NARROW else 0))

    def _label(self, label: str) -> Text:
        width = LABEL_WIDTH if self.width >= NARROW else len(label) + len(": ") if label else 0
        return Text(" " * MARGIN) + Text(f"{label + ':' if label else '':<{width}}", style="dim")

    def _cut(self, words: str, room: int) -> str:
        return words if cell_len(words) <= room else set_cell_size(words, room - 3) + "..."

    def _write(self, body: Text, first: str | Text, others: str) -> None:
        prefix = _styled(first, "")
        for line in body.divide(_breaks(body.plain, self.width - prefix.cell_len, self.width - len(others))):
            self._put(prefix + line)
            prefix = Text(others)

    def _put(self, line: Text) -> None:
        line.rstrip()
        self._ends_blank = False
        self._console.print(line, soft_wrap=True)


def _styled(words: str | Text, style: str) -> Text:
    return words if isinstance(words, Text) else Text(_NAME.sub(_shortened, words), style=style)


def _shortened(name: re.Match[str]) -> str:
    return f"{name.group()[:KEPT_START]}...{name.group()[-KEPT_END:]}"


def _breaks(words: str, first_room: int, other_room: int) -> list[int]:
    """Where lines after the first begin; a word wider than its line's cells has a line of its own and runs over."""
    room = first_room
    starts, used = [], 0
    for word in _WORD.finditer(words):
        if used and used + cell_len(word.group().rstrip()) > room:
            starts.append(word.start())
            used, room = 0, other_room
        used += cell_len(word.group())
    return starts
