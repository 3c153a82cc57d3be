"""How far a look is, on stderr: one line that moves on a terminal, plain lines elsewhere.

It is called between two looks, so it must cost next to nothing: no thread, no import, ten drawings a second at most.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from spindoctor.cli.streams import tell

PATIENCE_S = 1.0
"""A job that is done within a second needs no progress."""

REDRAW_S = 0.1
BAR = 24
"""Characters of the bar: with the words beside it, it fits 80 columns."""


class Progress:
    """Shows `(fraction, words)`; a context manager that wipes its line away at the end."""

    def __init__(self, about: str, *, moves: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """`about` says what is looked at; `moves` on a terminal; `clock` gives seconds."""
        self._about = about
        self._moves = moves
        self._clock = clock
        self._began = clock()
        self._drawn: float | None = None
        self._said = ""

    def __call__(self, fraction: float, words: str) -> None:
        """Shows that `fraction` (0 to 1) is done and `words` is being done."""
        if self._moves:
            self._draw(fraction, words)
        elif words != self._said:
            self._said = words
            tell(f"{self._about}: {words}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn is not None:
            _write("\r\x1b[K")

    def _draw(self, fraction: float, words: str) -> None:
        now = self._clock()
        if now - self._began < PATIENCE_S or (self._drawn is not None and now - self._drawn < REDRAW_S):
            return
        self._drawn = now
        done = round(BAR * min(max(fraction, 0.0), 1.0))
        _write(f"\r\x1b[K[{'#' * done}{'.' * (BAR - done)}] {self._about}: {words}")


def _write(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def progress(about: str, *, quiet: bool) -> Progress | None:
    """The progress to show, None with `--quiet`."""
    moves = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return None if quiet else Progress(about, moves=moves)
