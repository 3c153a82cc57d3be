"""Cancellations that a task catches, again and again, without letting them through.

Where a cancellation stays in force (trio, and what is built like it), no counter and no queued callback shows it: every
wait of the task raises it at once. What shows it is the exception itself, in the hands of the thread in look after
look, on its way to a line of the user's whose handler keeps it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from spindoctor.evidence.anatomy import Anatomy, anatomies
from spindoctor.evidence.attempts import swallows
from spindoctor.evidence.origin import library_frame
from spindoctor.model.facts import CancelLoop, HeldTask
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Failure
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task

CANCEL = re.compile(r"Cancel")
"""How asyncio, trio, curio and gevent-like libraries name the exception by which a task is told to stop."""

OFTEN_IN_HAND = 5
"""A task that lets its cancellation through has it in hand for a fraction of a millisecond, once: one look in thousands
meets that. Five looks are beyond any chance."""

AGAIN = 2
"""Looks for each task: one that is cancelled once is met with that at most once."""

LEAST_SHARE = 0.05
"""Of the looks at the tasks themselves: who is cancelled now and then, for a reason each time, is mostly at work."""


@dataclass(frozen=True, slots=True)
class _Caught:
    """One look at a cancellation: the task that ran, the line that keeps it, and what that line called."""

    task: int
    place: Frame
    stack: Stack


def whole_way(places: Stack, stack: Stack) -> Stack:
    """From where an exception was raised to the function that handles it, and on to the thread's first function."""
    if not places:
        return stack
    handler = (places[-1].file, places[-1].function)
    same = (n for n, frame in enumerate(stack) if (frame.file, frame.function) == handler)
    return places + stack[next(same, -1) + 1 :]


def swallowed(process: ProcessRecording, told: AbstractSet[int]) -> Iterator[CancelLoop]:
    """Yield each line that keeps cancellations again and again, with the tasks that stay there but for those `told`."""
    cancels = [one for one in process.failures if _is_cancel(one)]
    if len(cancels) < OFTEN_IN_HAND:
        return
    known = anatomies(process.functions)
    last = {task.address: task for look in process.task_looks for task in look.tasks}
    for use in process.threads:
        found = _caught(process, use, [one for one in cancels if one.tid == use.tid], known)
        caught = [one for one in found if one.task in last and one.task not in told]
        for place in dict.fromkeys(one.place for one in caught):
            loop = _loop(process, use, [one for one in caught if one.place == place], last)
            if loop:
                yield loop


def _is_cancel(one: Failure) -> bool:
    """Whether an exception is one that `except Exception` lets through, and named as a cancellation."""
    return bool(one.bases) and "Exception" not in one.bases and bool(CANCEL.search(one.kind))


def _caught(
    process: ProcessRecording, use: ThreadUse, cancels: Sequence[Failure], known: Mapping[str, Sequence[Anatomy]]
) -> Iterator[_Caught]:
    samples = {one.at_s: one for one in process.samples} if cancels else {}
    for cancel in cancels:
        sample = samples.get(cancel.at_s)
        tasks = [loop.task for loop in sample.loops if loop.tid == use.tid and loop.task] if sample else []
        stacks = [look.stack for look in sample.threads if look.tid == use.tid] if sample else []
        if not tasks or not stacks:
            continue
        way = whole_way(cancel.places, stacks[0])
        kept = _kept_at(way, len(cancel.places), cancel.kind, known)
        if kept is not None and tasks[0] is not None:
            yield _Caught(tasks[0], way[kept], way[: kept + 1])


def _kept_at(way: Stack, passed: int, kind: str, known: Mapping[str, Sequence[Anatomy]]) -> int | None:
    """How deep in a stack the line of the user's stands that keeps the exception; it has left frames that it passed."""
    kinds = frozenset({"BaseException", kind.rpartition(".")[2]})
    there: Iterable[int] = range(max(passed - 1, 0), len(way))
    return next((n for n in there if is_user(way[n]) and swallows(known, way[n].file, way[n].line, kinds)), None)


def _met(process: ProcessRecording, tid: int, task: int) -> int:
    """In how many looks the task ran."""
    return sum(one.tid == tid and one.task == task for sample in process.samples for one in sample.loops)


def _loop(
    process: ProcessRecording, use: ThreadUse, caught: Sequence[_Caught], known: Mapping[int, Task]
) -> CancelLoop | None:
    """The tasks that keep their cancellation at one line; None where each of them may have been cancelled once."""
    counts = Counter(one.task for one in caught).most_common()
    met = {task: _met(process, use.tid, task) for task, _ in counts}
    in_all = Share(len(caught), sum(met.values()))
    if in_all.count < OFTEN_IN_HAND or in_all.low < LEAST_SHARE or in_all.count < AGAIN * len(counts):
        return None
    longest = max(caught, key=lambda one: len(one.stack)).stack
    held = [_held(known[task], longest, Share(count, met[task])) for task, count in counts]
    return CancelLoop(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        scope=None,
        callback="",
        seen=Share(0, len(process.task_looks)),
        tasks=tuple(held),
        host=held[0].task,
    )


def _held(task: Task, stack: Stack, in_hand: Share) -> HeldTask:
    return HeldTask(
        task=task,
        cancels=None,
        requests=None,
        is_done=False,
        stuck=stack[-1],
        library=library_frame(stack),
        catches=True,
        in_hand=in_hand,
    )
