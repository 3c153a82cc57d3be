"""Operations that fail and are tried again: the loop, the call that fails, the exception, and whether it waits between.

An exception that a thread handles is looked up in the source of the functions that it came through: the innermost
endless loop in which a `try` (or `suppress`) around the failing line swallows it. All looks at the thread are then
sorted by where in that loop they found it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import anatomies, counted
from spindoctor.evidence.asking import NOTHING_YET, Known, is_counter
from spindoctor.evidence.attempts import Attempt, attempt_around
from spindoctor.evidence.futile import futile
from spindoctor.evidence.refusals import refusals
from spindoctor.evidence.rejections import rejections
from spindoctor.evidence.sites import Namer, own_part
from spindoctor.evidence.swallowed import whole_way
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Failure, Held, HotLook
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.retrying import Retries, Retry
from spindoctor.model.rule import Missing
from spindoctor.model.sample import SLEEPS, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import BARE_YIELD

MANY_FAILURES = 2
"""One exception may be any; its loop is looked at where there was another. Looks at the handler's lines count as well:
where the call that fails is native, it takes all the time."""

LOG_FILES = ("/logging/__init__.py", "/traceback.py", "/logging/handlers.py")
ENDED = frozenset({"CancelledError", "GeneratorExit"})
"""How a wait is ended from outside, as by its time-out: no operation failed."""

MOST_LOOPS = 3
THREADING_FILE = "/threading.py"


@dataclass(frozen=True, slots=True)
class _Failed:
    """One look at a failure: the whole stack from where it was raised outwards, and the attempt that it belongs to."""

    failure: Failure
    stack: Stack
    depth: int
    attempt: Attempt

    @property
    def place(self) -> Frame:
        """The frame of the loop's function."""
        return self.stack[self.depth]


def retries(recording: Recording) -> Retries | Missing:
    """The loops in which exceptions were handled again and again."""
    if not recording.looks:
        return Missing("no look at the threads succeeded")
    entries: list[Retry] = []
    unplaced = 0
    for process in recording.processes:
        known = anatomies(process.functions)
        for use in process.threads:
            found, lost = _of_thread(process, use, recording.seconds, known)
            entries.extend(found)
            unplaced += lost
    ordered = sorted(entries, key=lambda one: one.handling.count, reverse=True)
    seen = sum(len(process.failures) for process in recording.processes)
    return Retries(
        tuple(ordered),
        recording.looks,
        seen,
        unplaced,
        refusals(recording),
        futile(recording),
        rejections(recording),
    )


def _of_thread(process: ProcessRecording, use: ThreadUse, seconds: float, known: Known) -> tuple[list[Retry], int]:
    failures = [one for one in process.failures if one.tid == use.tid and _is_failure(one)]
    if len(failures) < MANY_FAILURES or seconds <= 0:
        return [], 0
    looks = [(s.at_s, look) for s in process.samples for look in s.threads if look.tid == use.tid]
    stacks = {at_s: look.stack for at_s, look in looks}
    failed = [one for f in failures if (one := _failed(f, stacks.get(f.at_s, ()), known))]
    loops = Counter(_loop_key(one) for one in failed)
    found = [
        _retry(process, use, seconds, looks, [one for one in failed if _loop_key(one) == key])
        for key, count in loops.most_common(MOST_LOOPS)
        if count >= MANY_FAILURES
    ]
    return found, len(failures) - len(failed)


def _is_failure(one: Failure) -> bool:
    """Whether an operation failed: a cancellation, or what ends a program, is no `Exception` and no failure of it."""
    return not one.bases or "Exception" in one.bases


def _loop_key(one: _Failed) -> tuple[str, int]:
    return one.attempt.file, one.attempt.loop.lineno


def _failed(failure: Failure, stack: Stack, known: Known) -> _Failed | None:
    """The innermost attempt that the exception did not leave; where none is found, the innermost of all."""
    whole = whole_way(failure.places, stack)
    found = [
        _Failed(failure, whole, depth, attempt)
        for depth, frame in enumerate(whole)
        if (attempt := attempt_around(known, frame.file, frame.line))
    ]
    kept = (one for one in found if one.depth >= len(failure.places) - 1)
    return next(kept, next(iter(found), None))


def _retry(
    process: ProcessRecording,
    use: ThreadUse,
    seconds: float,
    looks: Sequence[tuple[float, ThreadLook]],
    failed: Sequence[_Failed],
) -> Retry:
    last = max(failed, key=lambda one: one.place.line)  # what comes after the last line that fails is not reached
    attempt, place = last.attempt, last.place
    on_cpu = [(at_s, look) for at_s, look in looks if look.ran_ns > 0 and look.call is None and look.stack]
    handled = {one.failure.at_s for one in failed} | set(_at_handler(on_cpu, place, attempt))
    inside = [frame for _, look in on_cpu if (frame := _in_loop(look.stack, place, attempt))]
    culprit_stack = _culprit_stack(failed)
    chosen = _outermost(failed)
    task = _task(process, use.tid, handled)
    namer = Namer(process)
    leaves = attempt.leaves_when_done and _begins_thread(last)
    return Retry(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        kind=chosen.failure.kind.rpartition(".")[2],
        text=chosen.failure.text,
        peer=_peer(failed),
        culprit=namer.culprit(culprit_stack, use.tid, task),
        cores=use.cpu_s / seconds,
        handling=Share(sum(1 for at_s, _ in on_cpu if at_s in handled), len(on_cpu)),
        episodes=_episodes([at_s for at_s, _ in looks], handled),
        inside=Share(len(inside), len(on_cpu)),
        successes=Share(sum(one.line in attempt.after for one in inside), len(inside)),
        elsewhere=Share(sum(attempt.is_elsewhere(one.line) for one in inside), len(inside)),
        repeats=_repeats(process.hot_looks, use.tid, place, attempt),
        pauses=_pauses(process, use, looks, place, attempt),
        logging=Share(sum(_logs(look.stack) for _, look in on_cpu), len(on_cpu)),
        answers=_is_answer(chosen),
        serves=not (is_user(place) or leaves) and 2 * sum(map(_serves, failed)) > len(failed),  # one may be torn
        loop=namer.culprit((place,), use.tid, task),
        task=namer.tasks[task].name if task in namer.tasks else None,
        other_kinds=_other_kinds(failed, chosen),
        steps=_steps(process, use, place, attempt),
        wanted_cores=use.wanted_s / seconds,
        traced=process.calls_of(use.tid),
        leaves=leaves,
    )


def _begins_thread(one: _Failed) -> bool:
    """Whether the loop's function is what its thread was begun with: to leave the loop is to end the thread."""
    return all(frame.file.endswith(THREADING_FILE) for frame in one.stack[one.depth + 1 :])


def _steps(process: ProcessRecording, use: ThreadUse, place: Frame, attempt: Attempt) -> Share:
    """Of what an event loop did for code of the user's, in each whole look on the CPU, what it did in this loop."""
    if use.loop is None:
        return NO_LOOKS
    seen = [(s, look) for s in process.samples for look in s.threads if look.tid == use.tid and look.is_complete]
    stacks = [own_part(s, look) for s, look in seen if look.call is None and any(one.tid == use.tid for one in s.loops)]
    mine = [stack for stack in stacks if any(map(is_user, stack))]
    return Share(sum(_in_loop(stack, place, attempt) is not None for stack in mine), len(mine))


def _peer(failed: Sequence[_Failed]) -> str:
    """Whom all of these attempts wanted to reach; empty where it is not known or not always the same."""
    peers = {one.failure.peer for one in failed if one.failure.peer}
    return peers.pop() if len(peers) == 1 else ""


def _serves(one: _Failed) -> bool:
    """Whether user code fails that a library's loop came to by ways of its own.

    A server finds the handler of each request. Who tries again for a function of the user's calls what that gave it,
    from the loop itself.
    """
    inner, outer = one.stack[: one.depth], one.stack[one.depth + 1 :]
    asked = any(is_user(frame) and frame.function != "<module>" for frame in outer)
    return any(map(is_user, inner)) and not (asked and is_user(inner[-1]))


def _in_loop(stack: Stack, place: Frame, attempt: Attempt) -> Frame | None:
    """The innermost frame of the loop's function on a stack, if it stands in the loop."""
    mine = (one for one in stack if (one.file, one.function) == (place.file, place.function))
    frame = next(mine, None)
    return frame if frame and frame.line in attempt.lines else None


def _at_handler(looks: Iterable[tuple[float, ThreadLook]], place: Frame, attempt: Attempt) -> list[float]:
    """When the thread was met at the lines that catch."""
    frames = [(at_s, _in_loop(look.stack, place, attempt)) for at_s, look in looks]
    return [at_s for at_s, frame in frames if frame and frame.line in attempt.handlers]


def _culprit_stack(failed: Sequence[_Failed]) -> Stack:
    """The stack that most failures came from."""
    return Counter(one.stack for one in failed).most_common(1)[0][0]


def _outermost(failed: Sequence[_Failed]) -> _Failed:
    """The failure that reached the loop itself, where one was met there: others may have been wrapped on their way."""
    reached = [one for one in failed if one.depth == len(one.failure.places) - 1]
    among = [one for one in reached or failed if not _is_answer(one)] or [one for one in failed if not _is_answer(one)]
    kinds = Counter((one.failure.kind, one.failure.text) for one in among or failed)
    most = kinds.most_common(1)[0][0]
    return next(one for one in among or failed if (one.failure.kind, one.failure.text) == most)


def _is_answer(one: _Failed) -> bool:
    """Whether the exception says "not yet": a connection that is not there at once raises one on its way to failing."""
    return one.failure.kind.rpartition(".")[2] in NOTHING_YET | ENDED


def _other_kinds(failed: Sequence[_Failed], chosen: _Failed) -> tuple[str, ...]:
    kinds = Counter(one.failure.kind.rpartition(".")[2] for one in failed)
    mine = chosen.failure.kind.rpartition(".")[2]
    return tuple(kind for kind, _ in kinds.most_common(4) if kind != mine)


def _episodes(times: Sequence[float], handled: set[float]) -> int:
    """How often a look that met a failure follows one that met none."""
    before, count = False, 0
    for at_s in times:
        now = at_s in handled
        count += now and not before
        before = now
    return count


def _repeats(looks: Iterable[HotLook], tid: int, place: Frame, attempt: Attempt) -> Share:
    """Looks in which the loop's function holds, by value, what it has held before; what it counts is left out."""
    counters = counted(attempt.loop)
    every = [held for look in looks if look.tid == tid and (held := _held_at(look, place)) is not None]
    states: set[object] = set()
    same: list[bool] = []
    for held in [one for one in every if one] or (every if is_user(place) else []):
        state = tuple((one.name, one.shape) for one in held if not is_counter(one.name, counters))
        same.append(state in states)
        states.add(state)
    return Share(sum(same[1:]), len(same[1:]))


def _held_at(look: HotLook, place: Frame) -> tuple[Held, ...] | None:
    """What the loop's function held. Nothing may mean that it was not read; a user's function always is."""
    pairs = zip(look.stack, look.held, strict=False)
    return next((held for one, held in pairs if (one.file, one.function) == (place.file, place.function)), None)


def _pauses(
    process: ProcessRecording,
    use: ThreadUse,
    looks: Sequence[tuple[float, ThreadLook]],
    place: Frame,
    attempt: Attempt,
) -> Share:
    """Looks that found it waiting before the next attempt, of those that found it in the loop."""
    if use.loop is not None:
        return _task_pauses(process, place, attempt)
    inside = [(look, frame) for _, look in looks if (frame := _in_loop(look.stack, place, attempt))]
    pauses = sum(_is_pause(look, frame, attempt) for look, frame in inside)
    return Share(pauses, len(inside))


def _is_pause(look: ThreadLook, frame: Frame, attempt: Attempt) -> bool:
    if look.call is None or look.waits_for_gil:
        return False
    return look.call.name in SLEEPS or _is_between(frame, attempt)


def _is_between(frame: Frame, attempt: Attempt) -> bool:
    """Whether who waits at this line waits between two attempts, and not to take again what he has given back."""
    return frame.line not in attempt.body and frame.line not in attempt.takes


def _task_pauses(process: ProcessRecording, place: Frame, attempt: Attempt) -> Share:
    found: list[bool] = []
    for look in process.task_looks:
        for task in look.tasks:
            frame = _in_loop(task.chain, place, attempt)
            if frame:
                sleeps = task.chain[0].function.rpartition(".")[2] == "sleep"
                waits = task.waits_on not in {None, BARE_YIELD}
                found.append(waits and (sleeps or _is_between(frame, attempt)))
    return Share(sum(found), len(found))


def _logs(stack: Stack) -> bool:
    return any(frame.file.endswith(LOG_FILES) for frame in stack)


def _task(process: ProcessRecording, tid: int, handled: set[float]) -> int | None:
    """The task that ran when most of these failures were handled."""
    tasks = Counter(
        loop.task
        for sample in process.samples
        if sample.at_s in handled
        for loop in sample.loops
        if loop.tid == tid and loop.task
    )
    return next((task for task, _ in tasks.most_common(1)), None)
