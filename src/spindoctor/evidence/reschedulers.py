"""Who keeps an event loop from sleeping: tasks and callbacks that come back on every turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.evidence.circles import LOOP_FILE, circles
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.other_circles import other_circles
from spindoctor.evidence.pursuits import pursuits
from spindoctor.evidence.relays import gives_way, relays
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Rescheduler, Reschedulers
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import BARE_YIELD, HUB, Callback, Task

MOST = 5
"""Beyond the five most frequent nobody keeps a loop awake alone."""

Identity = tuple[int | None, str | int, str, int | None]
"""Loop, and what comes back on it: a task, or a function with the object it is bound to."""

Looks = Sequence[Sequence[Callback]]


def reschedulers(recording: Recording) -> Reschedulers | Missing:
    """The tasks and callbacks found running or queued most often.

    Counted are the slow looks that found anything queued, or these and the quick looks that found the loop inside a
    callback, whichever says more: the slow ones see who is queued as well, the quick ones only who runs, but are many.
    """
    looked = [one for one in recording.processes if one.task_looks]
    if not looked:
        return Missing("no look at the event loop's queue succeeded")
    entries = [entry for process in looked for entry in (*_of_process(process), *relays(process))]
    ranked = sorted(entries, key=lambda one: one.seen.ratio, reverse=True)
    return Reschedulers(
        tuple(ranked),
        looks=max((one.seen.of for one in entries), default=_looks(looked)),
        circles=tuple(one for process in looked for one in (*circles(process), *other_circles(recording, process))),
        pursuits=tuple(one for process in looked for one in pursuits(recording, process)),
    )


def _looks(looked: Iterable[ProcessRecording]) -> int:
    return sum(len(one.task_looks) for one in looked)


def _of_process(process: ProcessRecording) -> list[Rescheduler]:
    slow, quick = _with_holders(_slow(process), list(_quick(process)))
    both = [*slow, *quick]
    queued, running, seen = _shares(slow), _shares(quick), _shares(both)
    best = {one: max(queued.get(one, NO_LOOKS), share, key=lambda share: share.low) for one, share in seen.items()}
    most = sorted(best, key=lambda one: best[one].low, reverse=True)[:MOST]
    example = {_identity(one): one for look in both for one in look}
    namer = Namer(process)
    waiting = Counter(identity for look in slow for identity in {_identity(one) for one in look if not one.is_running})
    inside = Counter(_identity(one) for look in slow for one in look if one.is_running and _waits_not(one, look))
    return [
        replace(
            _entry(process, namer, example[one], best[one], running.get(one, Share(0, len(quick)))),
            queued=Share(waiting[one], len(slow) - inside[one]),
        )
        for one in most
    ]


def _waits_not(running: Callback, look: Sequence[Callback]) -> bool:
    """Whether what runs stands in no queue as well: it comes back there at its end, if it does."""
    return not any(_identity(one) == _identity(running) for one in look if not one.is_running)


def _with_holders(*looks: Looks) -> list[Looks]:
    """The looks, with the object that a method is bound to also where only others of them could tell: one for all."""
    known: dict[Identity, set[int]] = {}
    for one in (one for part in looks for look in part for one in look):
        if one.holder and not one.task:
            known.setdefault(_identity(replace(one, holder=None)), set()).add(one.holder)
    only = {method: holders.pop() for method, holders in known.items() if len(holders) == 1}
    return [[[_bound(one, only) for one in look] for look in part] for part in looks]


def _bound(one: Callback, holders: Mapping[Identity, int]) -> Callback:
    holder = holders.get(_identity(one)) if one.holder is None else None
    return replace(one, holder=holder) if holder else one


def _shares(looks: Sequence[Sequence[Callback]]) -> dict[Identity, Share]:
    """In how many of the looks that found anything on its loop each was there."""
    of = Counter(loop for look in looks for loop in {one.loop for one in look})
    seen = Counter(identity for look in looks for identity in {_identity(one) for one in look})
    return {identity: Share(count, of[identity[0]]) for identity, count in seen.items()}


def _slow(process: ProcessRecording) -> list[Sequence[Callback]]:
    return [look.callbacks for look in process.task_looks]


def _quick(process: ProcessRecording) -> Iterable[Sequence[Callback]]:
    """What each quick look found running, as one callback; looks that cannot say for which task are left out."""
    tasks = [task for look in process.task_looks for task in look.tasks]
    coroutines = {_last_name(task.coroutine) for task in tasks if task.waits_on != HUB}  # no step leads to a greenlet
    for sample in process.samples:
        stacks = {look.tid: look.stack for look in sample.threads}
        for loop in sample.loops:
            stack = stacks.get(loop.tid, ())
            if 0 < loop.depth <= len(stack) and not _is_lost(loop, stack[loop.depth - 1], coroutines):
                frame = stack[loop.depth - 1]
                yield [Callback(frame.function, frame.file, frame.line, loop.holder, None, loop.task, loop.loop)]


def _is_lost(loop: LoopLook, frame: Frame, coroutines: Collection[str]) -> bool:
    """Whether a task's step shows without the task, which is read a moment later and can be gone by then.

    What runs then is a coroutine's function, or a method of the loop that the step called.
    """
    return loop.task is None and (frame.file.endswith(LOOP_FILE) or _last_name(frame.function) in coroutines)


def _last_name(function: str) -> str:
    """A function's own name: before 3.11 frames keep no qualified one."""
    return function.rpartition(".")[2]


def _identity(callback: Callback) -> Identity:
    if callback.task:
        return (callback.loop, callback.task, "", None)
    return (callback.loop, callback.function, callback.file, callback.holder)


def _entry(process: ProcessRecording, namer: Namer, callback: Callback, seen: Share, running: Share) -> Rescheduler:
    states = [task for look in process.task_looks for task in look.tasks if task.address == callback.task]
    at_once = [one for one in states if one.waits_on == BARE_YIELD]  # it may sleep elsewhere between two bursts
    stack = _place(process, at_once or states, callback)
    culprit_frame = user_frame(stack)
    function = culprit_frame.function if culprit_frame else callback.function
    thread = next((one for one in process.threads if one.loop and one.loop == callback.loop), None)
    name = f"task {states[-1].name} ({states[-1].coroutine})" if states else function
    return Rescheduler(
        pid=process.pid,
        tid=thread.tid if thread else process.pid,
        seen=seen,
        running=running,
        name=name,
        culprit=namer.culprit(stack, thread.tid if thread else None, callback.task),
        is_task=bool(states),
        steps_at_once=gives_way(states),
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
            look = next((one for one in sample.threads if one.tid == loop.tid), None)
            if look and _is_inside(loop, look.stack, callback) and user_frame(look.stack[: loop.depth]):
                yield look.stack[: loop.depth]


def _is_inside(loop: LoopLook, stack: Stack, callback: Callback) -> bool:
    """Whether this look met the task or callback; one of a library's that belongs to no object is told by its code."""
    if callback.task:
        return loop.task == callback.task
    if callback.holder:
        return loop.holder == callback.holder
    first = stack[loop.depth - 1] if 0 < loop.depth <= len(stack) else None
    is_same = first is not None and (first.function, first.file) == (callback.function, callback.file)
    return is_same and loop.task is None and not is_user(Frame(callback.function, callback.file, callback.line))
