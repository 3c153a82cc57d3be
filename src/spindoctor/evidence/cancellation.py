"""Cancellations that are delivered again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.evidence.anatomy import anatomies
from spindoctor.evidence.attempts import swallows
from spindoctor.evidence.origin import library_frame, user_frame
from spindoctor.evidence.swallowed import swallowed
from spindoctor.model.facts import Cancellations, CancelLoop, HeldTask
from spindoctor.model.frames import Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import Candidate, ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import Scope, Task

MANY_CANCELS_PER_S = 50
"""Nobody cancels one task fifty times a second on purpose; one re-delivered on each turn counts thousands."""

SCOPE_SHAPES = ("yield-in-scope", "scope-entered-by-hand", "yield-in-managed-scope")
"""Shapes of source that can leave a scope open, the likeliest first; in a managed one it is mostly right."""

CANCELLATIONS = frozenset({"BaseException", "CancelledError"})
"""What a handler has to name, if it names anything, to catch a cancellation (asyncio, since Python 3.8)."""

MET_AGAIN = 3
"""A short-lived task that is cancelled once is met on its way at most once."""

OFTEN_ON_ITS_WAY = 0.15
"""An orderly cancellation is on its way for one turn of the loop, so one look in thousands meets it; one that is
re-delivered on every turn was met in a third to a half of the looks, of which 15 % is a safe lower bound."""


def cancellations(recording: Recording) -> Cancellations | Missing:
    """Every scope that stays cancelled with a task in it, and every task whose cancel count keeps rising."""
    looked = [one for one in recording.processes if len(one.task_looks) > 1]
    if not looked:
        return Missing(_why_not(recording))
    found = [loop for process in looked for loop in _of_process(process)]
    return Cancellations(
        tuple(sorted(found, key=lambda one: one.seen.ratio, reverse=True)),
        looks=sum(len(one.task_looks) for one in looked),
        tasks=max(look.task_count for one in looked for look in one.task_looks),
    )


def _why_not(recording: Recording) -> str:
    said = [why for one in recording.processes for part, why in one.missing if part == "tasks"]
    return next(iter(said), "fewer than two looks at the tasks succeeded; look for longer (--seconds)")


def _of_process(process: ProcessRecording) -> list[CancelLoop]:
    states = _states(process)
    by_scope: dict[int, list[Scope]] = {}
    for look in process.task_looks:
        for scope in {one.address: one for one in look.scopes}.values():
            by_scope.setdefault(scope.address, []).append(scope)
    found = [_scope_loop(process, seen, states) for seen in by_scope.values()]
    loops = _causes(_once([one for one in found if one]))
    told = {held.task.address for one in found if one for held in one.tasks}
    hunted = [held for held in _hunted(process, states) if held.task.address not in told]
    told |= {held.task.address for held in hunted}
    return [*loops, *(_task_loop(process, held) for held in hunted), *swallowed(process, told)]


def _once(loops: Sequence[CancelLoop]) -> list[CancelLoop]:
    """Of objects that hold the same tasks the one whose callback was met most: others only have to do with these."""
    most: dict[frozenset[int], CancelLoop] = {}
    for one in sorted(loops, key=lambda one: one.seen.ratio, reverse=True):
        most.setdefault(frozenset(_stuck(one)), one)
    return [one for one in loops if most[frozenset(_stuck(one))] is one]


def _causes(loops: Sequence[CancelLoop]) -> list[CancelLoop]:
    """The loops, without tasks that only wait for what a scope of their own holds: that scope's task is the cause."""
    inner = {one.host.address: id(one) for one in loops if one.host and one.host.address not in _stuck(one)}
    causes = [replace(one, tasks=tuple(held for held in one.tasks if not _waits_inside(held, inner))) for one in loops]
    if not any(one.tasks for one in causes):
        return list(loops)
    waiting = [
        (inner[held.task.address], held.task) for one in loops for held in one.tasks if _waits_inside(held, inner)
    ]
    related = [_latest([*one.related, *(task for of, task in waiting if of == id(one))]) for one in loops]
    return [replace(one, related=tuple(more)) for one, more in zip(causes, related, strict=True) if one.tasks]


def _stuck(loop: CancelLoop) -> set[int]:
    return {held.task.address for held in loop.tasks}


def _waits_inside(held: HeldTask, inner: Mapping[int, int]) -> bool:
    return held.task.address in inner and not held.is_done and not held.catches


def _states(process: ProcessRecording) -> dict[int, list[Task]]:
    """Every task by its address, as each of the slow looks met it."""
    found: dict[int, list[Task]] = {}
    for look in process.task_looks:
        for task in _latest([*look.tasks, *(task for scope in look.scopes for task in scope.tasks)]):
            found.setdefault(task.address, []).append(task)
    return found


def _scope_loop(
    process: ProcessRecording, seen: list[Scope], states: Mapping[int, Sequence[Task]]
) -> CancelLoop | None:
    looks = process.task_looks
    tasks = _latest(task for scope in seen for task in scope.tasks)
    held = [_held(process, task, states[task.address]) for task in tasks]
    stuck = [
        one for one in held if one.is_done or _is_hunted(process, one) or (one.cancels is None and not one.is_done)
    ]
    stuck.sort(
        key=lambda one: (not one.is_done, not _is_hunted(process, one), one.stuck is None, -one.on_its_way.ratio)
    )
    is_cancelled = any(scope.is_cancelled for scope in seen) or any(_is_hunted(process, one) for one in stuck)
    if len(seen) < 2 or not stuck or not is_cancelled:  # noqa: PLR2004 - "again" takes two
        return None
    last = seen[-1]
    thread = _loop_thread(process, [one.task for one in held])
    return CancelLoop(
        pid=process.pid,
        tid=thread[0],
        thread=thread[1],
        scope=last,
        callback=last.callback,
        seen=Share(len(seen), len(looks)),
        tasks=tuple(stuck),
        host=last.host,
        related=_related(process, last, stuck),
        candidates=_candidates(process),
    )


def _related(process: ProcessRecording, scope: Scope, stuck: Sequence[HeldTask]) -> tuple[Task, ...]:
    """The other tasks of the scope, and those that wait for one that is stuck in it."""
    told = {held.task.address for held in stuck}
    awaiting = {address for held in stuck for address in held.task.awaited_by}
    known = _latest([*(task for task in process.task_looks[-1].tasks if task.address in awaiting), *scope.tasks])
    return tuple(task for task in known if task.address not in told)


def _candidates(process: ProcessRecording) -> tuple[Candidate, ...]:
    """Places of the shape most likely to leave a scope open; those of a less likely one where there are no others."""
    by_shape = [tuple(one for one in process.candidates if one.shape == shape) for shape in SCOPE_SHAPES]
    return next((found for found in by_shape if found), ())


def _task_loop(process: ProcessRecording, held: HeldTask) -> CancelLoop:
    tid, thread = _loop_thread(process, [held.task])
    callback, seen = _who_keeps_running(process, held)
    return CancelLoop(
        pid=process.pid,
        tid=tid,
        thread=thread,
        scope=None,
        callback=callback,
        seen=seen,
        tasks=(held,),
        host=held.task,
        related=tuple(_restless_beside(process, held.task)),
    )


def _restless_beside(process: ProcessRecording, held: Task) -> list[Task]:
    """The other task that was running or queued most, again and again: by all that shows it may be what cancels."""
    looks = process.task_looks
    met = Counter(task for look in looks for task in {one.task for one in look.callbacks if one.task})
    others = [(task, count) for task, count in met.most_common() if task != held.address and count >= MET_AGAIN]
    known = _latest(task for look in looks for task in look.tasks)
    return [task for task in known if others and task.address == others[0][0]]


def _who_keeps_running(process: ProcessRecording, held: HeldTask) -> tuple[str, Share]:
    names = Counter(
        name
        for look in process.task_looks
        for name in {one.function for one in look.callbacks if one.task != held.task.address}
    )
    looks = len(process.task_looks)
    name, count = names.most_common(1)[0] if names else ("", 0)
    return name, Share(count, looks)


def _hunted(process: ProcessRecording, states: Mapping[int, Sequence[Task]]) -> list[HeldTask]:
    tasks = _latest(task for look in process.task_looks for task in look.tasks)
    held = [_held(process, task, states[task.address]) for task in tasks if _was_cancelled(states[task.address])]
    return [one for one in held if _is_hunted(process, one)]


def _was_cancelled(states: Iterable[Task]) -> bool:
    """Whether any look met a cancellation of the task: of thousands of tasks these are few."""
    return any(one.cancel_requests or one.must_cancel for one in states)


def _is_hunted(process: ProcessRecording, held: HeldTask) -> bool:
    """Whether the task is cancelled again and again: by its own count, before 3.11 by what was on its way to it."""
    if held.cancels is None:
        is_again = held.on_its_way.count >= MET_AGAIN and held.on_its_way.low >= OFTEN_ON_ITS_WAY
        return not held.is_done and is_again and _is_stepping(process, held.task)
    span_s = process.task_looks[-1].at_s - process.task_looks[0].at_s
    return span_s > 0 and held.cancels / span_s >= MANY_CANCELS_PER_S


def _is_stepping(process: ProcessRecording, task: Task) -> bool:
    """Whether a task was met running or queued: one that is garbage by now can await a cancelled future for long."""
    quick = sum(loop.task == task.address for sample in process.samples for loop in sample.loops)
    slow = sum(any(one.task == task.address for one in look.callbacks) for look in process.task_looks)
    return quick + slow >= MET_AGAIN


def _latest(tasks: Iterable[Task]) -> list[Task]:
    return list({task.address: task for task in tasks}.values())


def _held(process: ProcessRecording, task: Task, states: Sequence[Task]) -> HeldTask:
    counts = [one.cancel_requests for one in states if one.cancel_requests is not None]
    chain = _usual_chain(states)
    if not user_frame(chain) and not task.is_done:
        chain = _seen_running(process, task.address) or chain
    known = anatomies(process.functions)
    catches = (one for one in chain if is_user(one) and swallows(known, one.file, one.line, CANCELLATIONS))
    catcher = next(catches, None)
    return HeldTask(
        task=task,
        cancels=counts[-1] - counts[0] if counts else None,
        requests=counts[-1] if counts else None,
        is_done=task.is_done,
        on_its_way=_on_its_way(task, states),
        stuck=catcher or user_frame(chain),
        library=library_frame(chain) if chain else None,
        catches=catcher is not None,
    )


def _on_its_way(task: Task, states: Sequence[Task]) -> Share:
    """In how many looks a cancellation was on its way to this task, and not to an earlier one at its address."""
    of_others = sum(one.must_cancel for one in states if one.name != task.name)
    return Share(sum(one.must_cancel for one in states) - of_others, len(states))


def _usual_chain(states: Iterable[Task]) -> Stack:
    """The await chain seen most, one with a line of user code before one without.

    While a task runs, only the outermost part of its chain can be read: that counts only where no look shows more.
    """
    seen = Counter(one.chain for one in states if one.chain)
    chains = Counter({chain: count for chain, count in seen.items() if not any(_is_part(chain, one) for one in seen)})
    with_user = [(count, chain) for chain, count in chains.items() if user_frame(chain)]
    best = max(with_user, default=None, key=lambda one: one[0])
    return best[1] if best else next(iter(dict(chains.most_common(1))), ())


def _is_part(chain: Stack, other: Stack) -> bool:
    """Whether a chain is the outer part of another one; at the same line, since the rest is what is awaited there."""
    return len(chain) < len(other) and other[len(other) - len(chain) :] == chain


def _seen_running(process: ProcessRecording, task: int) -> Stack:
    """The stack with user code that the quick looks met most while this task ran; its chain can be hard to catch."""
    stacks: Counter[Stack] = Counter()
    for sample in process.samples:
        running = {loop.tid: loop.depth for loop in sample.loops if loop.task == task and loop.depth}
        for look in sample.threads:
            if look.tid in running and user_frame(look.stack[: running[look.tid]]):
                stacks[look.stack[: running[look.tid]]] += 1
    return next(iter(dict(stacks.most_common(1))), ())


def _loop_thread(process: ProcessRecording, tasks: Iterable[Task]) -> tuple[int, str]:
    wanted = {task.loop for task in tasks}
    threads = [one for one in process.threads if one.loop is not None]
    match = next((one for one in threads if one.loop in wanted), None) or next(iter(threads), None)
    return (match.tid, match.name or match.kernel_name) if match else (process.pid, "main thread")
