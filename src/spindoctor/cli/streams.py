"""The two streams: stdout takes the report and nothing else, stderr everything that is said meanwhile."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from enum import StrEnum
from io import TextIOWrapper

from spindoctor.errors import DoctorError

WIDEST = 120
"""Columns of a report on a wide terminal: longer lines are hard to follow."""


class Color(StrEnum):
    """Whether the report is styled."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def put(text: str) -> None:
    """Writes to stdout. A reader that has gone away (`| head`) is no error; a full disk is a `DoctorError`."""
    if sys.stdout is None:
        raise DoctorError("stdout is closed, the report has nowhere to go", "write it to a file: -o FILE")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
    except OSError as error:
        _let_go()
        raise DoctorError(f"cannot write to stdout: {error.strerror}", "write the report to a file: -o FILE") from error


def tell(words: str, *, mark: str = "spindoctor: ") -> None:
    """Writes a line to stderr; one that cannot be written is lost, the report is not."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{mark}{words}\n")
        sys.stderr.flush()


def width() -> int:
    """Columns of a report: those of the terminal, 80 where there is none, never more than `WIDEST`."""
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def is_styled(color: Color) -> bool:
    """Whether stdout takes styles: `auto` says no without a terminal and where NO_COLOR is set (no-color.org)."""
    if color is not Color.AUTO:
        return color is Color.ALWAYS
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _let_go() -> None:
    """Points stdout at nothing, so that the interpreter's own flush at exit fails no second time."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
