"""Tasks by who awaits whom, equal ones folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spindoctor.evidence.awaiting import SLEEP, awaited
from spindoctor.evidence.blocked import Waits
from spindoctor.evidence.variables import named
from spindoctor.model.dump import Tasks
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import Task

MOST_DEPTH = 50
"""Tasks below tasks; who awaits whom is read from memory that changes, and may say anything."""


def forest(seen: ProcessRecording) -> tuple[Tasks, ...]:
    """The tasks of the last slow look that have not ended; those that nobody awaits are at the top."""
    if not seen.task_looks:
        return ()
    pending = [task for task in seen.task_looks[-1].tasks if not task.is_done]
    known = {task.address for task in pending}
    below: dict[int, list[Task]] = {}
    for task in pending:
        for above in task.awaited_by:
            below.setdefault(above, []).append(task)
    tops = [task for task in pending if not known & set(task.awaited_by)]
    return _Forest(seen, below, _running(seen), set(), Waits(seen)).all(tops, pending)


def _running(seen: ProcessRecording) -> frozenset[int]:
    """The tasks that loops were running in the last quick look."""
    loops = seen.samples[-1].loops if seen.samples else ()
    return frozenset(loop.task for loop in loops if loop.task and loop.depth)


@dataclass(frozen=True, slots=True)
class _Forest:
    seen: ProcessRecording
    below: dict[int, list[Task]]
    running: frozenset[int]
    told: set[int]
    waits: Waits

    def all(self, tops: Sequence[Task], pending: Sequence[Task]) -> tuple[Tasks, ...]:
        """The trees; what no top leads to awaits each other in a circle, which begins anywhere."""
        trees = [self._tree(task, 0) for task in tops]
        circles = (task for task in pending if task.address not in self.told)
        trees.extend(self._tree(task, 0) for task in circles)
        return folded(trees)

    def _tree(self, task: Task, depth: int) -> Tasks:
        is_again = task.address in self.told
        self.told.add(task.address)
        inner = [] if is_again or depth > MOST_DEPTH else self.below.get(task.address, [])
        count, since_s = self._at_this_await(task)
        return Tasks(
            members=(task,),
            waits_for=self.waits.of_task(task.address, still_s=since_s),
            awaited=folded([self._tree(one, depth + 1) for one in inner]),
            is_running=task.address in self.running,
            is_again=is_again,
            seen=count,
            since_s=since_s,
            locals=named(self.seen, task.chain, task=task.address),
        )

    def _at_this_await(self, task: Task) -> tuple[Share, float]:
        """In how many looks, up to the last, it stood there; of a sleep that cannot be told from the next."""
        if awaited(task) == SLEEP:
            return NO_LOOKS, 0.0
        looks = self.seen.task_looks
        found = 0
        for look in reversed(looks):
            if not any(one.address == task.address and one.wait == task.wait for one in look.tasks):
                break
            found += 1
        return Share(found, len(looks)), looks[-1].at_s - looks[-found].at_s if found else 0.0


def folded(trees: Sequence[Tasks]) -> tuple[Tasks, ...]:
    """Trees that look the same become one with all their members; the one that has waited longest stands for them."""
    groups: dict[object, list[Tasks]] = {}
    for tree in trees:
        groups.setdefault(_shape(tree), []).append(tree)
    return tuple(_one(found) for found in sorted(groups.values(), key=len, reverse=True))


def _one(found: Sequence[Tasks]) -> Tasks:
    if len(found) == 1:
        return found[0]
    ordered = sorted(found, key=lambda tree: -tree.since_s)
    first = ordered[0]
    members = tuple(task for tree in ordered for task in tree.members)
    return replace(first, members=members)


def _shape(tree: Tasks) -> object:
    task = tree.members[0]
    return (
        task.coroutine,
        task.chain,
        task.waits_on,
        tree.waits_for,
        task.route.pattern if task.route else None,
        task.must_cancel,
        tree.is_running,
        tree.is_again,
        tuple((_shape(one), len(one.members)) for one in tree.awaited),
    )
