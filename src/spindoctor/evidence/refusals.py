"""Connections that fail by the kernel's count, and the thread or task that makes one attempt after the other.

A refused connection raises an exception that lives for some microseconds: of a thousand attempts a second hardly one is
met by a look. What the looks do meet is where the attempts are made, and that nothing else is done.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer, own_part
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.retrying import Refusal
from spindoctor.model.share import Share

CONNECTS = re.compile(r"connect(?!ed|ions)|(^|_)dial(_|$)", re.IGNORECASE)
"""What functions that make a connection are called, in any library: `connect`, `open_connection`, `reconnect`."""

MIN_SEEN = 10
"""Fewer looks at work say nothing of what a thread does most."""


def refusals(recording: Recording) -> tuple[Refusal, ...]:
    """For each thread that used CPU, the function in which it was met most, where connections failed meanwhile."""
    failed = recording.machine.failed_connects
    if not failed or recording.seconds <= 0:
        return ()
    per_s = failed / recording.seconds
    every = [(ByThread(one), one.threads) for one in recording.processes]
    found = [_of_thread(looks, use, recording.seconds, per_s) for looks, threads in every for use in threads]
    return tuple(sorted((one for one in found if one), key=lambda one: one.cores, reverse=True))


def _of_thread(by_thread: ByThread, use: ThreadUse, seconds: float, per_s: float) -> Refusal | None:
    process, looks = by_thread.process, by_thread.seen(use.tid)
    on_cpu = [(s, own_part(s, look)) for s, look in looks if look.ran_ns > 0 and look.call is None]
    work = [(s.at_s, stack, mine) for s, stack in on_cpu if (mine := user_frame(stack))]
    if len(work) < MIN_SEEN:
        return None
    places = Counter((mine.file, mine.function) for _, _, mine in work)
    place = places.most_common(1)[0][0]
    here = [(at_s, stack, mine) for at_s, stack, mine in work if (mine.file, mine.function) == place]
    texts = _texts(process, {mine for _, _, mine in here})
    task = _task(process, use.tid, {at_s for at_s, _, _ in here})
    namer = Namer(process)
    connecting = [stack for _, stack, mine in here if _connects(stack, mine, texts)]
    return Refusal(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        culprit=namer.culprit(_most(connecting or [stack for _, stack, _ in here]), use.tid, task),
        cores=use.cpu_s / seconds,
        per_s=per_s,
        share=Share(len(here), len(work)),
        connects=Share(len(connecting), len(here)),
        asleep=Share(sum(look.call is not None and not look.waits_for_gil for _, look in looks), len(looks)),
        task=namer.tasks[task].name if task in namer.tasks else None,
        traced=process.calls_of(use.tid),
    )


def _most(stacks: Sequence[Stack]) -> Stack:
    return Counter(stacks).most_common(1)[0][0]


def _connects(stack: Stack, mine: Frame, texts: dict[Frame, str]) -> bool:
    """Whether what the user's line has called, or the line itself, is about connecting."""
    called = stack[: stack.index(mine)]
    return any(CONNECTS.search(frame.function) for frame in called) or bool(CONNECTS.search(texts.get(mine, "")))


def _texts(process: ProcessRecording, frames: set[Frame]) -> dict[Frame, str]:
    """The text of these lines, where their source was kept."""
    found: dict[Frame, str] = {}
    for window in (*process.sources, *process.functions):
        for frame in frames:
            at = frame.line - window.first_line
            if window.file == frame.file and 0 <= at < len(window.lines):
                found[frame] = window.lines[at]
    return found


def _task(process: ProcessRecording, tid: int, times: set[float]) -> int | None:
    """The task that ran at most of these moments."""
    tasks = Counter(
        loop.task
        for sample in process.samples
        if sample.at_s in times
        for loop in sample.loops
        if loop.tid == tid and loop.task
    )
    return next((task for task, _ in tasks.most_common(1)), None)
