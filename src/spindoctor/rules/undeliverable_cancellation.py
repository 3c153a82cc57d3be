"""A cancellation that can never be delivered keeps the event loop spinning.

## What we saw
A cancel scope was cancelled, but a task stays in it: it is already done and was never taken out, or it swallows the
cancellation and waits again. Libraries that promise that a cancellation *stays* in force deliver it again on the next
turn of the loop, and on the one after that. The loop never sleeps; its thread burns a whole core in the loop's own
machinery. The task's count of cancel requests rises by thousands a second, or the task in the scope is done.

## Why it hurts
One core is gone for as long as the process lives. Requests are still answered, often within a millisecond, so latency
alone does not show it. What answers slowly at the same time has a cause of its own.

## What to do
Where the task swallows the cancellation: catch the exceptions you mean, never `BaseException` or a bare `except` around
an `await`, and re-raise `CancelledError`. Where a wait must go on, shield it inside its own scope instead of looping.
Where the task is done: leave the scope in the task that entered it. An async generator that yields inside a task group
or cancel scope must be closed by its consumer (`contextlib.aclosing`). Upgrade the library where the report names a
known bug.

## False alarms
A task cancelled a few times during an orderly shutdown is not reported: a scope must be seen again over several looks
with a task in it that is done, or whose cancel count rises by at least fifty a second. A task that is woken by being
cancelled, again and again, is not reported where the loop sleeps in between: each time has a cause of its own then.

## Missed alarms
Python 3.8 to 3.10 keep no count of cancel requests, and trio never does: there a scope is needed whose own attributes
say that it is cancelled, or a cancellation met on its way to the task or in its hands in look after look. A scope that
keeps its tasks in C structures cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spindoctor.model.facts import Cancellations, CancelLoop, HeldTask, Loop, Loops
from spindoctor.model.frames import Frame
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.tasks import Task

MIN_SEEN = 0.15
"""Lower bound of the share of slow looks with the scope: 5 of 15. An orderly cancellation is over after one turn."""

MIN_LOOKS = 4
"""Fewer slow looks cannot tell a cancellation that comes back from one that was just being delivered."""

SHAPES = {
    "yield-in-scope": "a candidate, not proof: an async generator that yields inside a task group or cancel scope",
    "yield-in-managed-scope": "a candidate, not proof: a context manager that yields inside such a scope",
    "scope-entered-by-hand": "a candidate, not proof: a scope entered here and left in another coroutine",
}

MANY_CANCELS = 100
"""A task that is cancelled a hundred times within seconds is not being shut down."""

MET_AGAIN = 3
"""A short-lived task that is cancelled once is met on its way at most once."""

MIN_ON_ITS_WAY = 0.15
"""Before 3.11 nobody counts: a cancellation that look after look is on its way to one task is not orderly."""

MAX_IDLE = 0.05
"""A loop that is found asleep in more than 5 % of looks is not kept awake all the time."""

CANCELS_A_SLEEP = 10
"""One that is delivered again on every turn is delivered thousands of times without any sleep."""

BURNS_CORES = 0.3
"""Used or queued for; below this the loop has time to sleep between turns, so it is not spinning on a cancellation."""


def check(cancellations: Cancellations, loops: Loops) -> Outcome:
    """Found for each scope or task to which a cancellation is delivered again and again."""
    if cancellations.looks < MIN_LOOKS:
        return Unsure(f"{cancellations.looks} looks at the tasks; {MIN_LOOKS} are needed: look for longer (--seconds)")
    busy = {(loop.pid, loop.tid): loop for loop in loops.loops}
    findings = [_finding(one, busy.get((one.pid, one.tid))) for one in cancellations.loops if _holds(one, busy)]
    if findings:
        return Found(_folded(findings))
    return Clear(
        f"{cancellations.looks} looks at up to {cancellations.tasks} tasks: no cancelled scope keeps a task and its "
        "loop awake, and no task's count of cancel requests rises"
    )


def _folded(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings; of those that differ in task and scope alone the first, with their number: they share one loop."""
    alike: dict[object, list[Finding]] = {}
    for one in findings:
        culprit = one.culprit
        key = culprit.pid, culprit.thread, culprit.function, culprit.file, culprit.line
        alike.setdefault(key, []).append(one)
    return tuple(_with_number(first, len(more)) for first, *more in alike.values())


def _with_number(first: Finding, more: int) -> Finding:
    if not more:
        return first
    figure = Figure("alike", "others of which the same is true", more, "scopes or tasks", "event loop, task objects")
    return replace(first, claim=f"{first.claim}; so it is with {more} more", evidence=(*first.evidence, figure))


def _holds(one: CancelLoop, busy: dict[tuple[int, int], Loop]) -> bool:
    loop = busy.get((one.pid, one.tid))
    spins = loop is not None and loop.wanted_cores >= BURNS_CORES
    counts = [held.cancels for held in one.tasks if held.cancels is not None and held.cancels >= MANY_CANCELS]
    is_counted = bool(counts) and not (loop and _sleeps_between(loop, max(counts)))
    met = [held.on_its_way for held in one.tasks]
    is_met = spins and any(share.count >= MET_AGAIN and share.low >= MIN_ON_ITS_WAY for share in met)
    is_kept = (
        spins and loop is not None and loop.idle.ratio <= MAX_IDLE and any(held.in_hand.count for held in one.tasks)
    )
    return is_counted or is_met or is_kept or (one.seen.low >= MIN_SEEN and spins)


def _sleeps_between(loop: Loop, cancels: int) -> bool:
    """Whether the loop went to sleep between the cancellations: then each has a cause of its own, such as a timer.

    Waits for the GIL are sleeps as well, but not in the selector; and a spin that lasts for a part of the look has many
    more cancellations than the rest of the look has sleeps. Where nobody counted the sleeps, one that was met tells.
    """
    if loop.sleeps_per_s is None:
        return loop.idle.ratio > MAX_IDLE
    sleeps = loop.sleeps_per_s * loop.seconds
    return loop.idle.ratio > MAX_IDLE and cancels < CANCELS_A_SLEEP * sleeps


def _finding(one: CancelLoop, loop: Loop | None) -> Finding:
    held = one.tasks[0]
    cores = loop.cores if loop else 0.0
    return Finding(
        claim=_claim(one, held, cores),
        severity="critical" if loop and loop.wanted_cores >= BURNS_CORES else "warning",
        confidence="high" if held.is_done or held.cancels is not None else "medium",
        cost=Cost(cores=cores, loop_share=1 - loop.idle.ratio if loop else 0.0),
        culprit=_culprit(one, held),
        culprits=(*_others(one), *(_candidates(one) if held.is_done else ())),
        evidence=_evidence(one, held, loop),
        against=_against(loop),
        fix=_fix(held),
        now=("A restart of this process ends the spin and destroys the scene: save a recording first (--save FILE).",),
        explains="the core that is burned; requests that are slow need a cause of their own",
        would_change="a scope that is gone in a second look, or a count of cancel requests that stands still",
        candidates=one.candidates if held.is_done else (),
    )


def _claim(one: CancelLoop, held: HeldTask, cores: float) -> str:
    what = f"a {one.scope.type_name} whose cancellation" if one.scope else "a cancellation that"
    if held.is_done:
        why = f"task {held.task.name} ({held.task.coroutine}) is done but was never taken out of it"
    else:
        why = f"task {held.task.name} ({held.task.coroutine}) swallows it and waits again"
    return f"{what} is delivered again on every turn of the loop, because {why}; {cores:.2f} cores go into it"


def _culprit(one: CancelLoop, held: HeldTask) -> Culprit:
    route = held.task.route or (one.host.route if one.host else None)
    place = held.stuck or held.task.defined or held.library
    return Culprit(
        pid=one.pid,
        thread=one.thread,
        task=held.task.name,
        function=place.function if place else held.task.coroutine,
        file=place.file if place else None,
        line=place.line if place else None,
        route=str(route) if route else None,
        library_frame=f"{held.library.function} ({held.library.file}:{held.library.line})" if held.library else None,
        note=_gone(one) if held.is_done else None,
    )


def _gone(one: CancelLoop) -> str:
    host = f"; the scope was entered by task {one.host.name} ({one.host.coroutine})" if one.host else ""
    siblings = f"; siblings in it: {len(one.related)}" if one.scope else ""
    route = "" if one.host and one.host.route else ", and with it the route"
    return (
        f"the task is done, so the line that left the scope is gone from memory{route}; what is left is its "
        f"coroutine's code{host}{siblings}; the traceback is in the service's log, where it was logged"
    )


def _candidates(one: CancelLoop) -> tuple[Culprit, ...]:
    """Places in the loaded source that could have left the scope; none of them is proved."""
    return tuple(
        Culprit(
            pid=one.pid,
            function=candidate.function,
            file=candidate.file,
            line=candidate.line,
            note=SHAPES.get(candidate.shape, candidate.shape),
        )
        for candidate in one.candidates
    )


def _others(one: CancelLoop) -> tuple[Culprit, ...]:
    tasks = [
        (held.task, "kept in the same scope" if one.scope else "keeps it at the same line") for held in one.tasks[1:]
    ]
    sibling = "sibling: in the same scope, or waits for the task that is"
    beside = "runs beside it all the time, and may be what cancels it"
    tasks += [(task, sibling if one.scope else beside) for task in one.related]
    places = [(task, note, _place(task)) for task, note in tasks]
    return tuple(
        Culprit(
            pid=one.pid,
            thread=one.thread,
            task=task.name,
            function=frame.function if frame else task.coroutine,
            file=frame.file if frame else None,
            line=frame.line if frame else None,
            route=str(task.route) if task.route else None,
            note=note,
        )
        for task, note, frame in places
    )


def _place(task: Task) -> Frame | None:
    """Where a task waits: its innermost line of user code, before that of a library."""
    return next((frame for frame in task.chain if is_user(frame)), next(iter(task.chain), task.defined))


def _evidence(one: CancelLoop, held: HeldTask, loop: Loop | None) -> tuple[Figure, ...]:
    state, where = "done" if held.is_done else "pending", " in the scope" if one.scope else ""
    figures = [
        Figure("held_task_state", f"state of task {held.task.name}{where}", state, "", "task object"),
        *((_in_hand(held),) if held.in_hand.count else _on_its_way(one, held)),
    ]
    if held.cancels is not None:
        figures.append(Figure("cancels", "cancel requests during the look", held.cancels, "requests", "task object"))
        figures.append(
            Figure("cancel_requests", "cancel requests in all", held.requests or 0, "requests", "task object")
        )
    if held.library is not None and held.library.function.endswith("TaskGroup.__aexit__"):
        figures.append(
            Figure("swallowed_in_task_group", "the task waits at a task group's end", True, "", "await chain")  # noqa: FBT003
        )
    return (*figures, *_loop_figures(loop))


def _in_hand(held: HeldTask) -> Figure:
    claim = "looks at the running task that met it with a cancellation in hand, which the line keeps"
    return Figure("in_hand", claim, str(held.in_hand), "", "exceptions in hand, source")


def _on_its_way(one: CancelLoop, held: HeldTask) -> tuple[Figure, ...]:
    return (
        Figure(
            "on_its_way", "slow looks with a cancellation on its way to it", str(held.on_its_way), "", "task object"
        ),
        Figure("scope_seen", f"slow looks with {one.callback} running or queued", str(one.seen), "", "event loop"),
    )


def _loop_figures(loop: Loop | None) -> tuple[Figure, ...]:
    if loop is None:
        return ()
    sleeps = Figure(
        "loop_sleeps",
        "times a second the loop's thread went to sleep",
        round(loop.sleeps_per_s or 0.0, 1),
        "1/s",
        "/proc/PID/task/TID/status",
    )
    return (
        Figure(
            "loop_cores",
            f"CPU of the loop's thread {loop.thread}",
            round(loop.cores, 2),
            "cores",
            "/proc/PID/task/TID/stat",
        ),
        Figure("loop_idle", "looks with the loop asleep in its selector", str(loop.idle), "", "stacks"),
        *((sleeps,) if loop.sleeps_per_s is not None else ()),
    )


def _against(loop: Loop | None) -> tuple[str, ...]:
    if loop is None:
        return ("the loop's own thread could not be looked at",)
    if loop.cores < BURNS_CORES:
        return (f"the loop's thread used only {loop.cores:.2f} cores",)
    return ()


def _fix(held: HeldTask) -> tuple[str, ...]:
    if held.is_done:
        return (
            "Leave the scope in the task that entered it: close async generators that yield inside a task group or "
            "cancel scope with contextlib.aclosing() in the consumer.",
            "Upgrade the library where a known bug is named below.",
        )
    return (
        "Let the cancellation through: catch the exceptions you mean instead of everything around this await, and "
        "re-raise the cancellation (CancelledError in asyncio, Cancelled in trio).",
        "Where the wait must not be cut short, put it into a shielded scope of its own instead of awaiting again in a "
        "loop.",
    )


RULE = Rule(
    slug="undeliverable-cancellation",
    title="A cancellation that can never be delivered keeps the loop spinning",
    needs=(Cancellations, Loops),
    check=check,
    page=__doc__,
)
