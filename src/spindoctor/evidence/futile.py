"""Attempts of an event loop's task that come back, and after which what a success leads to is never reached.

A server that answers "too many requests" at once makes no failed connection, and the exception that the client makes
of it lives for some microseconds: hardly a look meets it. What looks do meet is that the loop of the user's function
brings another answer each time and never gets to what it would do after a good one: to sleep before the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from spindoctor.evidence.anatomy import anatomies
from spindoctor.evidence.attempts import Attempt, attempt_around
from spindoctor.evidence.sites import Namer, own_part
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.retrying import Futile
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD

MIN_STEPS = 10
"""Fewer looks at the user's code say nothing of what a loop does most."""


def futile(recording: Recording) -> tuple[Futile, ...]:
    """For each event loop that used CPU the attempt that its steps met most, where a success of it would show."""
    if recording.seconds <= 0:
        return ()
    pairs = [(process, use) for process in recording.processes for use in process.threads if use.loop is not None]
    found = [_of_loop(process, use, recording.seconds) for process, use in pairs if use.cpu_s]
    return tuple(one for one in found if one)


def _of_loop(process: ProcessRecording, use: ThreadUse, seconds: float) -> Futile | None:
    steps = list(_steps(process, use.tid))
    if len(steps) < MIN_STEPS:
        return None
    place = Counter(_outermost(stack) for stack, _ in steps).most_common(1)[0][0]
    attempt = attempt_around(anatomies(process.functions), place.file, place.line)
    if not attempt or not is_user(place) or not attempt.waits_when_done:
        return None
    inside = [(stack, task) for stack, task in steps if _line(stack, place) in attempt.lines]
    if not inside:
        return None
    waits = [(task.chain, task.waits_on) for look in process.task_looks for task in look.tasks]
    waiting = [stack for stack, on in waits if on not in {None, BARE_YIELD} and _line(stack, place) in attempt.lines]
    lines = [_line(stack, place) for stack in (*(stack for stack, _ in inside), *waiting)]
    stack, task = Counter(inside).most_common(1)[0][0]
    namer = Namer(process)
    return Futile(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        culprit=namer.culprit(stack, use.tid, task),
        cores=use.cpu_s / seconds,
        wanted_cores=(use.cpu_s + use.queue_wait_s) / seconds,
        share=Share(len(inside), len(steps)),
        rounds=_rounds(process, use.tid, place, attempt),
        successes=Share(sum(line in attempt.done for line in lines), len(lines)),
        pauses=Share(sum(_line(stack, place) not in attempt.body for stack in waiting), len(waiting)),
        task=namer.tasks[task].name if task in namer.tasks else None,
    )


def _steps(process: ProcessRecording, tid: int) -> Iterator[tuple[Stack, int | None]]:
    """What the loop had called in each whole look on the CPU that met code of the user's, and for which task."""
    for sample in process.samples:
        tasks = {loop.tid: loop.task for loop in sample.loops if loop.depth}
        for look in sample.threads:
            stack = own_part(sample, look) if look.tid == tid and tid in tasks else ()
            if look.call is None and look.is_complete and any(map(is_user, stack)):
                yield stack, tasks[tid]


def _outermost(stack: Stack) -> Frame:
    return next(frame for frame in reversed(stack) if is_user(frame))


def _line(stack: Stack, place: Frame) -> int:
    """Where in a function, the outermost of its name, a stack stands; 0 where it does not."""
    return next((one.line for one in reversed(stack) if (one.file, one.function) == (place.file, place.function)), 0)


def _rounds(process: ProcessRecording, tid: int, place: Frame, attempt: Attempt) -> Share:
    """The looks in which what the attempt brings was an object that no look had met, but for one for each task.

    Tasks in the same function each hold their own.
    """
    names = attempt.brings
    held = [
        brought
        for look in process.hot_looks
        if look.tid == tid
        for frame, variables in zip(look.stack, look.held, strict=False)
        if (frame.file, frame.function) == (place.file, place.function)
        and (brought := tuple((one.name, one.value) for one in variables if one.name in names))
    ]
    tasks = {task.address for look in process.task_looks for task in look.tasks if _line(task.chain, place)}
    return Share(max(0, len(set(held)) - max(1, len(tasks))), len(held))
