"""Who keeps an event loop from sleeping: tasks and callbacks that come back on every turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Rescheduler, Reschedulers
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD, Callback, Task

MOST = 5
"""Beyond the five most frequent nobody keeps a loop awake alone."""

Identity = tuple[int | None, str, int | None, int | None]


def reschedulers(recording: Recording) -> Reschedulers | Missing:
    """The tasks and callbacks found running or queued most often, over the slow looks at each process."""
    looked = [one for one in recording.processes if one.task_looks]
    if not looked:
        return Missing("no look at the event loop's queue succeeded")
    entries = [entry for process in looked for entry in _of_process(process)]
    ranked = sorted(entries, key=lambda one: one.seen.ratio, reverse=True)
    return Reschedulers(tuple(ranked), looks=sum(len(one.task_looks) for one in looked))


def _of_process(process: ProcessRecording) -> list[Rescheduler]:
    seen: Counter[Identity] = Counter()
    example: dict[Identity, Callback] = {}
    for look in process.task_looks:
        present = {_identity(one): one for one in look.callbacks}
        seen.update(present.keys())
        example.update(present)
    namer = Namer(process)
    return [_entry(process, namer, example[one], count) for one, count in seen.most_common(MOST)]


def _identity(callback: Callback) -> Identity:
    if callback.task:
        return (callback.loop, "task", callback.task, None)
    return (callback.loop, callback.function, callback.holder, callback.line)


def _entry(process: ProcessRecording, namer: Namer, callback: Callback, count: int) -> Rescheduler:
    states = [task for look in process.task_looks for task in look.tasks if task.address == callback.task]
    stack = _place(process, states, callback)
    thread = next((one for one in process.threads if one.loop and one.loop == callback.loop), None)
    name = f"task {states[-1].name} ({states[-1].coroutine})" if states else callback.function
    return Rescheduler(
        pid=process.pid,
        tid=thread.tid if thread else process.pid,
        seen=Share(count, len(process.task_looks)),
        name=name,
        culprit=namer.culprit(stack, thread.tid if thread else None, callback.task),
        is_task=bool(states),
        steps_at_once=any(one.waits_on == BARE_YIELD for one in states)
        and all(one.waits_on in {None, BARE_YIELD} for one in states),
    )


def _place(process: ProcessRecording, states: Iterable[Task], callback: Callback) -> Stack:
    """The await chain with user code seen most; without one, the stacks of that task or callback; else the callback."""
    chains = Counter(one.chain for one in states if user_frame(one.chain))
    if chains:
        return chains.most_common(1)[0][0]
    stacks = Counter(_running(process, callback))
    if stacks:
        return stacks.most_common(1)[0][0]
    return (Frame(callback.function, callback.file, callback.line),)


def _running(process: ProcessRecording, callback: Callback) -> Iterable[Stack]:
    for sample in process.samples:
        for loop in sample.loops:
            mine = loop.task == callback.task if callback.task else callback.holder and loop.holder == callback.holder
            look = next((one for one in sample.threads if one.tid == loop.tid), None)
            if mine and look and user_frame(look.stack[: loop.depth]):
                yield look.stack[: loop.depth]
