"""Tasks that serve requests out of a queue: where they stand, and how long requests wait for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Site
from spindoctor.model.frames import Stack
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool, Task

MOST_SITES = 4


def crew_places(process: ProcessRecording, states: Sequence[Pool], namer: Namer) -> tuple[Site, ...]:
    """The lines at which the member tasks were met, the most frequent first."""
    members = {task for one in states for task in one.tasks}
    met = [task for look in process.task_looks for task in look.tasks if task.address in members]
    stacks = Counter(task.chain for task in met if user_frame(task.chain))
    lines: dict[tuple[str, int], list[tuple[Stack, int]]] = {}
    for stack, count in stacks.most_common():
        frame = user_frame(stack)
        if frame:
            lines.setdefault((frame.file, frame.line), []).append((stack, count))
    sites = [
        Site(namer.culprit(same[0][0]), Share(sum(count for _, count in same), stacks.total()), len(members), 0.0)
        for same in lines.values()
    ]
    return tuple(sorted(sites, key=lambda one: one.share.count, reverse=True)[:MOST_SITES])


def longest_wait_s(process: ProcessRecording, states: Sequence[Pool]) -> float:
    """The longest row of slow looks that met one request, queued once or more, at the await of what it queued."""
    queued = {task for one in states for task in one.waiters or ()}
    since: dict[tuple[int, str, Stack], float] = {}
    was_queued: set[tuple[int, str]] = set()
    longest = 0.0
    for look in process.task_looks:
        now = {task for pool in look.pools if pool.address == states[0].address for task in pool.waiters or ()}
        waiting = [task for task in look.tasks if task.address in queued]
        was_queued |= {(task.address, task.name) for task in waiting if task.address in now}
        since = {_key(task): since.get(_key(task), look.at_s) for task in waiting if _is_one(task, was_queued)}
        longest = max(longest, look.at_s - min(since.values(), default=look.at_s))
    return longest


def _key(task: Task) -> tuple[int, str, Stack]:
    return task.address, task.name, task.chain


def _is_one(task: Task, was_queued: set[tuple[int, str]]) -> bool:
    return (task.address, task.name) in was_queued
