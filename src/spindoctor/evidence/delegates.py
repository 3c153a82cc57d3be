"""Tasks of another thread's event loop that work for a thread that waits, as a server's thread runs a coroutine.

Such a thread has no code of the user's on its stack; what it waits for stands in the task. They belong together where
both have the same request in hand, or where no other can be meant: just one thread waits with a request in hand, just
one task runs code of the user's, and that task came or went during the look, as the request did.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.origin import once_each, user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task, TaskLook

MOST_LOOKS = 0.5
"""Lower bound: where they stand side by side in most looks, the one waits for the other."""

Waiters = dict[int, str]


def delegates(process: ProcessRecording) -> list[dict[int, Task]]:
    """For each slow look by thread the task that works for it; for none where that is no more than a guess."""
    looks = process.task_looks
    loops = {task.loop for look in looks for task in look.tasks}
    if not process.routes or not loops:
        return [{} for _ in looks]
    namer = Namer(process)
    waiting = [_waiters(one, namer) for one in _beside(process)]
    lasting = Counter((task.address, task.name) for look in looks for task in look.tasks)
    found = [
        _tied(waiters, _at_work(look), {key for key, seen in lasting.items() if seen == len(looks)})
        for waiters, look in zip(waiting, looks, strict=True)
    ]
    tids = {tid for one in waiting for tid in one}
    sure = {
        tid for tid in tids if _in_most([tid in one for one, waits in zip(found, waiting, strict=True) if tid in waits])
    }
    return [{tid: task for tid, task in one.items() if tid in sure} for one in found]


def _in_most(met: Sequence[bool]) -> bool:
    return Share(sum(met), len(met)).low >= MOST_LOOKS


def _beside(process: ProcessRecording) -> list[Sample | None]:
    """For each slow look the look at the stacks before it."""
    times = [one.at_s for one in process.samples]
    before = [bisect.bisect(times, look.at_s) - 1 for look in process.task_looks]
    return [process.samples[number] if number >= 0 else None for number in before]


def _waiters(sample: Sample | None, namer: Namer) -> Waiters:
    """Threads that wait for another thread with a request in hand and no code of the user's on their stack."""
    if sample is None:
        return {}
    loops = {loop.tid for loop in sample.loops}
    asleep = [look for look in sample.threads if look.tid not in loops and waits_for_thread(look)]
    routes = {look.tid: namer.route(look.stack) for look in asleep if user_frame(look.stack) is None}
    return {tid: route for tid, route in routes.items() if route}


def waits_for_thread(look: ThreadLook) -> bool:
    """Whether it sleeps until another thread wakes it."""
    return bool(look.stack) and look.call is not None and look.call.name == "futex" and not look.waits_for_gil


def _at_work(look: TaskLook) -> list[Task]:
    """Tasks with code of the user's that no other such task awaits."""
    open_ones = [one for one in look.tasks if not one.is_done]
    frames = once_each((one.chain for one in open_ones), user_frame)
    mine = [one for one, frame in zip(open_ones, frames, strict=True) if frame]
    addresses = {one.address for one in mine}
    return [one for one in mine if not addresses & set(one.awaited_by)]


def _tied(waiters: Waiters, tasks: Sequence[Task], lasting: set[tuple[int, str]]) -> dict[int, Task]:
    if len(waiters) == 1 and len(tasks) == 1 and (tasks[0].address, tasks[0].name) not in lasting:
        return dict.fromkeys(waiters, tasks[0])
    routes = Counter(waiters.values())
    served = Counter(str(task.route) for task in tasks)
    by_route = {str(task.route): task for task in tasks if task.route}
    return {
        tid: by_route[route]
        for tid, route in waiters.items()
        if routes[route] == 1 and served[route] == 1 and route in by_route
    }
