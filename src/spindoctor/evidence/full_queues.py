"""Queues that are full for good: all who take something out wait for room in one of them.

Who takes out is known by source: a function that has the queue at hand and asks it for something, or goes through it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spindoctor.evidence.anatomy import anatomies, extent, find, last_name, own_nodes
from spindoctor.evidence.asking import Known
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import PUT, FullQueue, Handle, Party, Wait
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.tasks import TaskLook

TAKES = re.compile(r"^_*(async_|sync_|a)?(get|receive|recv|pop|take|next|read|consume|drain|clear|empty)(?![a-z])")
"""How the methods begin that make room, in any library."""

LIMITS = re.compile(r"wait_for|time_?out|move_on|fail_(after|at)|deadline|shield")
"""What functions and blocks are called that let a wait end, in any library."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A queue that stays full: who waits for room in it, and who takes things out."""

    queue: FullQueue
    waits: tuple[Wait, ...]
    readers: frozenset[Party]


def stuck_queues(process: ProcessRecording, look: TaskLook) -> list[Stuck]:
    """The queues in which nobody can make room: all who could wait for room in one of them themselves.

    Whose wait may end by itself is none of these. Where nobody is known to take out, or a function that has the queue
    at hand could not be read, it says nothing.
    """
    known = anatomies(process.functions)
    waits = {one.waiter: one for one in look.waits if one.kind == PUT and not one.has_limit}
    limited = {Party(task=task.address) for task in look.tasks if _may_give_up(task.chain, known)}
    waiting = waits.keys() - limited - _ran(process)
    left = {one.target: (one, _readers(one, known)) for one in look.full_queues}
    while True:
        stuck = {one for queue, readers in left.values() if readers and readers <= waiting for one in queue.putters}
        if stuck >= waiting:
            break
        waiting &= stuck
    return [
        Stuck(queue, tuple(waits[one] for one in queue.putters if one in waiting), readers)
        for queue, readers in left.values()
        if readers and readers <= waiting and waiting & set(queue.putters)
    ]


def _may_give_up(chain: Stack, known: Known) -> bool:
    """Whether a wait ends by itself: a function with a limit stands around it, or a `with` that is called so."""
    return any(LIMITS.search(one.function) or _is_within_limit(one, known) for one in chain)


def _is_within_limit(frame: Frame, known: Known) -> bool:
    anatomy = find(known, frame.file, frame.line) if is_user(frame) else None
    blocks = [one for one in own_nodes(anatomy.node) if isinstance(one, ast.With | ast.AsyncWith)] if anatomy else []
    items = [item.context_expr for one in blocks if frame.line in extent(one) for item in one.items]
    return any(isinstance(one, ast.Call) and LIMITS.search(last_name(one.func)) for one in items)


def _ran(process: ProcessRecording) -> set[Party]:
    """The threads that have run in the second half of the look: who waits for room for good does not."""
    later = process.samples[len(process.samples) // 2 :]
    return {Party(tid=look.tid) for sample in later for look in sample.threads if look.ran_ns}


def _readers(queue: FullQueue, known: Known) -> frozenset[Party]:
    return frozenset(one.party for one in queue.handles if _may_take(one, known))


def _may_take(handle: Handle, known: Known) -> bool:
    """Whether a function takes out of what it has at hand, or may: one that is not known, or hands it on in a loop."""
    anatomy = find(known, handle.frame.file, handle.frame.line)
    if anatomy is None:
        return True
    nodes = list(own_nodes(anatomy.node))
    if any(_takes(one, handle.name) for one in nodes):
        return True
    loops = [one for one in nodes if isinstance(one, ast.While | ast.For | ast.AsyncFor)]
    return any(handle.name in _handed_on(one) for loop in loops for one in own_nodes(loop))


def _takes(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return ast.unparse(node.iter) == name
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return bool(TAKES.match(node.func.attr)) and ast.unparse(node.func.value) == name


def _handed_on(node: ast.AST) -> Iterator[str]:
    """What another function is given to wait for at this place: not what a task is made of."""
    call = node.value if isinstance(node, ast.Await) else None
    for one in call.args if isinstance(call, ast.Call) else ():
        yield ast.unparse(one)


def by_party(stuck: list[Stuck]) -> Mapping[Party, Stuck]:
    """For each who waits the queue that he waits for."""
    return {wait.waiter: one for one in stuck for wait in one.waits}
