"""The few coroutines that fill an event loop by waking each other, turn after turn.

Two tasks that set each other's event, a task that waits with a time-out that has passed, watchers that notify each
other: no single task is there in every look, and each of them waits for something. Told by their functions they are
few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Circle
from spindoctor.model.frames import Stack
from spindoctor.model.origin import SHIM
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.share import Share
from spindoctor.model.tasks import KEPT

LOOP_FILE = "asyncio/base_events.py"
"""Where the methods of the standard loop are; a task's step, written in C, calls `call_soon` there."""

TRANSPORT_FILE = "asyncio/selector_events.py"
"""Where the standard loop reads from sockets and accepts connections."""

MOST_MEMBERS = 3
"""Two that wake each other, and one that a library puts between them; more are the tasks of a service."""

MIN_PART = 0.05
"""A coroutine seen less often than this is other traffic, no part of the circle."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One quick look inside a callback."""

    task: int | None
    stack: Stack

    @property
    def code(self) -> tuple[str, str]:
        """The function that the loop called: a task's coroutine, or a callback."""
        return (self.stack[-1].file, self.stack[-1].function)

    @property
    def is_own(self) -> bool:
        """Whether it is a task's step, or a callback of asyncio's own by which one task wakes another."""
        file = self.stack[-1].file
        return self.task is not None or ("/asyncio/" in file and not file.endswith(TRANSPORT_FILE))


def circles(process: ProcessRecording) -> list[Circle]:
    """For each loop of a process the coroutines that it was found stepping most, and how much of its steps they are."""
    threads = [one for one in process.threads if one.loop and one.loop_type != KEPT]
    found = [_circle(process, thread, list(_steps(process, thread.tid))) for thread in threads]
    return [one for one in found if one]


def _steps(process: ProcessRecording, tid: int) -> Iterator[_Step]:
    """The looks inside a callback; those that a step's call into the loop hides are left out.

    The task is read a moment later than the stack and can be gone by then: a coroutine is known by its other steps.
    """
    for sample in process.samples:
        stacks = {look.tid: look.stack for look in sample.threads}
        for loop in sample.loops:
            stack = stacks.get(loop.tid, ())[: loop.depth]
            if loop.tid == tid and stack and not _hides_it(stack[-1].file):
                yield _Step(loop.task, stack)


def _hides_it(file: str) -> bool:
    return file.endswith(LOOP_FILE) or file == SHIM


def _circle(process: ProcessRecording, thread: ThreadUse, steps: Sequence[_Step]) -> Circle | None:
    own = {step.code for step in steps if step.is_own}
    counts = Counter(step.code for step in steps if step.code in own)
    most = [code for code, _ in counts.most_common(MOST_MEMBERS)]
    inside = [step for step in steps if step.code in most]
    if not inside:
        return None
    members = [code for code in most if counts[code] >= MIN_PART * len(steps)]
    mine = {step.code for step in inside if user_frame(step.stack)}
    serving = {task.address for look in process.task_looks for task in look.tasks if task.route}
    namer = Namer(process)
    return Circle(
        pid=process.pid,
        tid=thread.tid,
        members=tuple(
            _place(namer, thread.tid, [one for one in inside if one.code == code])
            for code in members
            if code in mine or not mine
        ),
        share=Share(len(inside), len(steps)),
        incoming=Share(sum(step.code not in own for step in steps), len(steps)),
        serving=Share(sum(step.task in serving for step in inside), len(inside)),
    )


def _place(namer: Namer, tid: int, steps: Sequence[_Step]) -> Culprit:
    """The stack with a line of user code seen most; without one, the coroutine itself."""
    seen = Counter((step.stack, step.task) for step in steps)
    stack, task = max(seen, key=lambda one: (_line(one[0]) > 0, seen[one]))
    return namer.culprit(stack, tid, task)


def _line(stack: Stack) -> int:
    """The line of user code; 0 for a library's, and for instructions that have none."""
    mine = user_frame(stack)
    return mine.line if mine else 0
