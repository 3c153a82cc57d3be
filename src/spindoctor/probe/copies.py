"""Locks that a fork copied while another thread had them: nobody in the child can ever release such a copy.

A copy lies at the same address as the lock it was made from. Where threads of a child wait for a lock that nobody there
is seen to have, and a thread of the parent stands in a block of the lock at that very address, that thread has it again
and again, and had it when the child was made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.contexts import Contexts, of_frames
from spindoctor.errors import Gone, Misread
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.pipes import Watched
from spindoctor.probe.proc import parse_stat, read_bytes

LOCK = "_thread.lock"
"""It keeps no owner; an RLock does."""


class CopiedLocks:
    """Finds such locks among the processes of one service; what was found once stays so."""

    def __init__(self) -> None:
        """None is known."""
        self._found: dict[int, set[int]] = {}
        self._parents: dict[int, int] = {}

    def mark(self, watched: Sequence[Watched]) -> None:
        """Mark in the last slow look at each process the waits for locks that nobody there can release."""
        found = self.look(watched)
        for one in watched:
            if one.task_looks and one.pid in found:
                one.task_looks[-1] = with_copied(one.task_looks[-1], found[one.pid])

    def look(self, watched: Sequence[Watched]) -> Mapping[int, set[int]]:
        """By process, the addresses of the locks in it that nobody there can release."""
        by_pid = {one.pid: one for one in watched}
        for one in watched:
            parent = by_pid.get(self._parent(one.pid))
            wanted = self._wanted(one) if parent else set[int]()
            if parent and wanted:
                self._found.setdefault(one.pid, set()).update(wanted & set(_held(parent)))
        return self._found

    def _wanted(self, one: Watched) -> set[int]:
        known = self._found.get(one.pid, set())
        return {
            wait.target
            for wait in one.waits
            if wait.kind == "lock" and wait.type_name == LOCK and not wait.holders and wait.target not in known
        }

    def _parent(self, pid: int) -> int:
        if pid not in self._parents:
            try:
                self._parents[pid] = parse_stat(read_bytes(f"/proc/{pid}/stat")).parent_pid
            except (OSError, ValueError):
                return 0
        return self._parents[pid]


def _held(one: Watched) -> Iterator[int]:
    """What the threads of a process stand in blocks of, and what such objects keep: a condition keeps its lock."""
    objects = one.interpreter.objects
    contexts = Contexts(one.interpreter.reader, objects)
    for frames in one.stacks.values():
        for _, held in of_frames(contexts, frames):
            yield held
            try:
                yield from objects.attributes(held).values()
            except (Misread, Gone):
                continue


def with_copied(look: TaskLook, locks: Collection[int]) -> TaskLook:
    """The slow look with the waits for these locks marked: nobody in the process can release them."""
    waits = (replace(one, is_orphaned=True) if one.target in locks and not one.holders else one for one in look.waits)
    return replace(look, waits=tuple(waits))
