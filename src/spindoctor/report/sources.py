"""The lines of source around a place, numbered, with the line that is meant marked."""

from __future__ import annotations

import re

from spindoctor.model.recording import SourceWindow
from spindoctor.report.words import safe

INSTALLED = re.compile(r"^.*/(?:(?:site|dist)-packages|python3\.\d+t?)/")
"""The folders that libraries and the interpreter's own modules are installed in: the same for all that lies there."""

CHANGED = "[changed after the process started]"
"""The file on disk is not the code that runs: its lines may belong to something else."""


def numbered(window: SourceWindow) -> list[tuple[str, bool]]:
    """`> 42 | code` for the line meant, `  43 | code` for its neighbours; with whether it is the one meant.

    Empty lines at both ends are left out.
    """
    width = len(str(window.first_line + len(window.lines) - 1))
    rows = []
    filled = [line for line, code in enumerate(window.lines, window.first_line) if code.strip() or line == window.line]
    for line, code in enumerate(window.lines, window.first_line):
        if not filled or not filled[0] <= line <= filled[-1]:
            continue
        is_meant = line == window.line
        words = f"{'>' if is_meant else ' '} {line:>{width}} | {safe(code.rstrip().expandtabs(4))}"
        rows.append((words.rstrip(), is_meant))
    return rows
