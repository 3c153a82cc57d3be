"""Queues that are full for good: all who take something out wait for room in one of them.

Who takes out is known by source: a function that has the queue at hand and asks it for something, or goes through it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from spindoctor.evidence.anatomy import Anatomy, anatomies, extent, find, last_name, own_nodes
from spindoctor.evidence.asking import Known
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import PUT, FullQueue, Party, Wait
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.tasks import TaskLook

TAKES = re.compile(r"^_*(async_|sync_|a)?(get|receive|recv|pop|take|next|read|consume|drain|clear)(?![a-z])")
"""How the methods begin that make room, in any library."""

MAY_TAKE = re.compile(r"get|receive|recv|pop|take|next|read|consume|drain|clear|fetch|dequeue|shift|flush|iter|empty")
"""What the name of a method has in it that may make room: whoever calls one is waited for."""

NO_WAIT = re.compile(r"_nowait$|^empty$")
"""A look into a queue; by itself it makes nobody the one who empties it."""

LIMITS = re.compile(r"wait_for|time_?out|move_on|fail_(after|at)|deadline|shield")
"""What functions and blocks are called that let a wait end, in any library."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A queue that stays full: who waits for room in it, and who may take things out."""

    queue: FullQueue
    waits: tuple[Wait, ...]
    readers: frozenset[Party]


def stuck_queues(process: ProcessRecording, look: TaskLook) -> list[Stuck]:
    """The queues in which nobody can make room: all who could wait for room in one of them themselves.

    Whose wait may end by itself is none of these. Where nobody is known to take out, or a function that may could not
    be read and waits for something else, it says nothing.
    """
    known = anatomies(process.functions)
    waits = {one.waiter: one for one in look.waits if one.kind == PUT and not one.has_limit}
    limited = {Party(task=task.address) for task in look.tasks if may_give_up(task.chain, known)}
    waiting = waits.keys() - limited - ran(process)
    readers_of = {one.target: takers(one, known) for one in look.full_queues}
    left = [(one, readers_of[one.target]) for one in look.full_queues if readers_of[one.target]]
    while True:
        stuck = {one for queue, readers in left if readers <= waiting for one in queue.putters}
        if stuck >= waiting:
            break
        waiting &= stuck
    return [
        Stuck(queue, tuple(waits[one] for one in queue.putters if one in waiting), readers)
        for queue, readers in left
        if readers <= waiting and waiting & set(queue.putters)
    ]


def may_give_up(chain: Stack, known: Known) -> bool:
    """Whether a wait ends by itself: a function with a limit stands around it, or a `with` that is called so."""
    return any(LIMITS.search(one.function) or _is_within_limit(one, known) for one in chain)


def _is_within_limit(frame: Frame, known: Known) -> bool:
    anatomy = find(known, frame.file, frame.line) if is_user(frame) else None
    blocks = [one for one in own_nodes(anatomy.node) if isinstance(one, ast.With | ast.AsyncWith)] if anatomy else []
    items = [item.context_expr for one in blocks if frame.line in extent(one) for item in one.items]
    return any(isinstance(one, ast.Call) and LIMITS.search(last_name(one.func)) for one in items)


def ran(process: ProcessRecording) -> set[Party]:
    """The threads that have run in the second half of the look: who waits for room for good does not."""
    later = process.samples[len(process.samples) // 2 :]
    return {Party(tid=look.tid) for sample in later for look in sample.threads if look.ran_ns}


def takers(queue: FullQueue, known: Known) -> frozenset[Party]:
    """All who may take out of it; nobody where none is known to."""
    places = [(one, find(known, one.frame.file, one.frame.line)) for one in queue.handles]
    if not any(anatomy and takes(anatomy, one.name) for one, anatomy in places):
        return frozenset()
    return frozenset(one.party for one, anatomy in places if anatomy is None or may_take(anatomy, one.name))


@lru_cache(maxsize=4096)
def takes(anatomy: Anatomy, name: str) -> bool:
    """Whether a function waits for something of a queue, or goes through it. Once for each, however many run it."""
    nodes = own_nodes(anatomy.node)
    return any(_asked(one, name, TAKES, is_part=False) for one in nodes)


@lru_cache(maxsize=4096)
def may_take(anatomy: Anatomy, name: str) -> bool:
    """Whether a function may take out of what it has at hand, or of a part of it, or hands it on in a loop."""
    nodes = list(own_nodes(anatomy.node))
    if any(_asked(one, name, MAY_TAKE, is_part=True) for one in nodes):
        return True
    loops = [one for one in nodes if isinstance(one, ast.While | ast.For | ast.AsyncFor)]
    return any(name in _handed_on(one) for loop in loops for one in own_nodes(loop))


def _asked(node: ast.AST, name: str, methods: re.Pattern[str], *, is_part: bool) -> bool:
    """Whether a place asks what is called so, or also a part of it, for something."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return _is_named(node.iter, name, is_part=is_part)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    is_meant = methods.search(node.func.attr) and (is_part or not NO_WAIT.search(node.func.attr))
    return bool(is_meant) and _is_named(node.func.value, name, is_part=is_part)


def _is_named(node: ast.AST, name: str, *, is_part: bool) -> bool:
    text = ast.unparse(node)
    return text == name or (is_part and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None)


def _handed_on(node: ast.AST) -> Iterator[str]:
    """What another function is given to wait for at this place: not what a task is made of."""
    call = node.value if isinstance(node, ast.Await) else None
    for one in call.args if isinstance(call, ast.Call) else ():
        yield ast.unparse(one)
