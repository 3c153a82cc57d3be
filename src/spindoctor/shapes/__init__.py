"""Places in source text that have the shape of a known mistake: candidates where memory shows no more, never proof.

Pure: text in, candidates out. The text is untrusted: whatever it is, nothing is raised and the work is bounded.
"""

from __future__ import annotations

import ast
import warnings

from spindoctor.model.recording import Candidate
from spindoctor.shapes import (
    asyncio_debug,
    listen_before_fork,
    opened_and_kept,
    scope_entered_by_hand,
    timer_started,
    tracer_set,
    yield_in_scope,
)
from spindoctor.shapes.bodies import Bodies

MOST_CHARACTERS = 1_000_000
"""Larger than any module written by hand; generated ones have no such places, and parsing them takes seconds."""

MOST_CANDIDATES = 20
"""Nobody reads more; a file with more is not explained by them."""


def find_shapes(source: str, file: str) -> tuple[Candidate, ...]:
    """The candidates in one file's text, by line; none where it is no Python that the running interpreter can parse.

    `ast` raises these four: bad syntax, NUL or lone surrogates, and too deep a nesting in two ways.
    """
    if len(source) > MOST_CHARACTERS:
        return ()
    try:
        return _find(_parse(source), file)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _parse(source: str) -> ast.Module:
    """The tree; the target's own questionable escapes are not ours to warn about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _find(tree: ast.Module, file: str) -> tuple[Candidate, ...]:
    bodies = Bodies(tree)
    kinds = (
        yield_in_scope, scope_entered_by_hand, listen_before_fork, asyncio_debug, opened_and_kept, timer_started,
        tracer_set,
    )  # fmt: skip
    found = [one for kind in kinds for one in kind.find(bodies, file)]
    return tuple(sorted(found, key=lambda one: one.line)[:MOST_CANDIDATES])
