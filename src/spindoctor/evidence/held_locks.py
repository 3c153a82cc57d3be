"""Who has a lock that was taken by `acquire()`: no block on a stack says so, but the source of who has it at hand does.

A function has it where it stands in a `try` that releases it in the end, or between the two calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from spindoctor.evidence.anatomy import Anatomy, anatomies, extent, find, own_nodes
from spindoctor.evidence.asking import Known
from spindoctor.model.locks import Handle, Wait
from spindoctor.model.recording import ProcessRecording, Recording

TAKES, GIVES = "acquire", "release"


def with_holders(recording: Recording) -> Recording:
    """The recording with the holders that the source tells, where exactly one shows."""
    return replace(recording, processes=tuple(_of_process(one) for one in recording.processes))


def _of_process(process: ProcessRecording) -> ProcessRecording:
    if not any(wait.handles for look in process.task_looks for wait in look.waits):
        return process
    known = anatomies(process.functions)
    looks = [replace(look, waits=_told(look.waits, known)) for look in process.task_looks]
    return replace(process, task_looks=tuple(looks))


def _told(waits: Sequence[Wait], known: Known) -> tuple[Wait, ...]:
    """The waits of one look; who has a lock at hand is kept with the first wait for it."""
    found = {wait.target: hold for wait in waits if wait.handles and (hold := _holder(wait.handles, known))}
    return tuple(_held(wait, found.get(wait.target)) for wait in waits)


def _held(wait: Wait, hold: Handle | None) -> Wait:
    return replace(wait, holders=(hold.party,), held_at=hold.frame) if hold and not wait.holders else wait


def _holder(handles: Sequence[Handle], known: Known) -> Handle | None:
    """The one who has it; None where nobody shows, or several do."""
    holds = [one for one in handles if _holds(one, known)]
    return holds[0] if len({one.party for one in holds}) == 1 else None


def _holds(one: Handle, known: Known) -> bool:
    anatomy = find(known, one.frame.file, one.frame.line)
    return anatomy is not None and holds(anatomy, one.frame.line, one.name)


@lru_cache(maxsize=4096)
def holds(anatomy: Anatomy, line: int, name: str) -> bool:
    """Whether a function that stands at a line has taken what it calls so, and has not given it back."""
    if any(_calls(one, name, TAKES) for one in own_nodes(anatomy.node) if line in extent(one) and _is_simple(one)):
        return False
    nodes = (anatomy.node, *own_nodes(anatomy.node))
    return any(_in_try(one, line, name) or _between(one, line, name) for one in nodes)


def _is_simple(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt) and not any(True for _ in _blocks(node))


def _in_try(node: ast.AST, line: int, name: str) -> bool:
    """Whether a line is in a `try` that gives back in the end what was taken before or in it, and not behind that."""
    if not isinstance(node, ast.Try):
        return False
    last = next((number for number, one in enumerate(node.finalbody) if _calls(one, name, GIVES)), None)
    if last is None:
        return False
    within = (*node.body, *node.handlers, *node.orelse, *node.finalbody[: last + 1])
    return any(line in extent(one) for one in within)


def _between(node: ast.AST, line: int, name: str) -> bool:
    """Whether a line is in a row of statements behind one that takes, up to the one that gives back."""
    for row in _blocks(node):
        here = next((number for number, one in enumerate(row) if line in extent(one)), None)
        taken = [number for number, one in enumerate(row) if _is_simple(one) and _calls(one, name, TAKES)]
        given = [number for number, one in enumerate(row) if _calls(one, name, GIVES)]
        ends = [min((last for last in given if last > first), default=None) for first in taken]
        if here is not None and any(last and first < here <= last for first, last in zip(taken, ends, strict=True)):
            return True
    return False


def _blocks(node: ast.AST) -> Iterator[Sequence[ast.stmt]]:
    """The rows of statements in a statement."""
    for name in ("body", "orelse", "finalbody"):
        row = getattr(node, name, None)
        if isinstance(row, list) and row:
            yield row


def _calls(node: ast.AST, name: str, method: str) -> bool:
    """Whether a statement calls this method of what is called so."""
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and one.func.attr == method
        and ast.unparse(one.func.value) == name
        for one in (node, *own_nodes(node))
    )
