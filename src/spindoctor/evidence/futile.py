"""Attempts of an event loop's task that come back, and after which what a success leads to is never reached.

A server that answers "too many requests" at once makes no failed connection, and the exception that the client makes
of it lives for some microseconds: hardly a look meets it. What looks do meet is that the loop of the user's function
brings another answer each time, or that what it calls once for each attempt makes another object, and that it never
gets to what it would do after a good one: to sleep before the next, or to leave the loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from spindoctor.evidence.anatomy import Loop, anatomies, extent, find, length
from spindoctor.evidence.attempts import Attempt, arguments, attempt_around, goes_through_once, set_once
from spindoctor.evidence.sites import Namer, own_part
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Held, HotLook
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.retrying import Futile
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD

MIN_STEPS = 10
"""Fewer looks at the user's code say nothing of what a loop does most."""


MIN_STAYS = 5
"""Slow looks that met the same tasks; with fewer, there may be others that none has met."""

Brought = tuple[tuple[str, int], ...]
"""Variables by name, each with a mark of the object that it held."""


def futile(recording: Recording) -> tuple[Futile, ...]:
    """For each event loop that used CPU the attempt that its steps met most, where a success of it would show."""
    if recording.seconds <= 0:
        return ()
    pairs = [(process, use) for process in recording.processes for use in process.threads if use.loop is not None]
    found = [_of_loop(process, use, recording.seconds) for process, use in pairs if use.cpu_s]
    return tuple(one for one in found if one)


def _of_loop(process: ProcessRecording, use: ThreadUse, seconds: float) -> Futile | None:
    steps = list(steps_of(process, use.tid))
    if len(steps) < MIN_STEPS:
        return None
    place = Counter(_outermost(stack) for stack, _ in steps).most_common(1)[0][0]
    attempt = attempt_around(anatomies(process.functions), place.file, place.line)
    if not attempt or not is_user(place):
        return None
    leaves = _is_outermost(process, place, attempt) and attempt.leaves_when_done
    failures = sum(one.tid == use.tid and _begins(one.places, place) for one in process.failures)
    if not (attempt.waits_when_done or leaves or failures):
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
        wanted_cores=use.wanted_s / seconds,
        share=Share(len(inside), len(steps)),
        rounds=_rounds(process, use.tid, place, attempt),
        successes=Share(sum(line in attempt.done for line in lines), len(lines)),
        pauses=Share(sum(_line(stack, place) not in attempt.body for stack in waiting), len(waiting)),
        task=namer.tasks[task].name if task in namer.tasks else None,
        leaves=leaves,
        shows=attempt.waits_when_done or leaves,
        failures=failures,
        traced=process.calls_of(use.tid),
        tries=Share(sum(_line(stack, place) in attempt.body for stack, _ in inside), len(inside)),
    )


def steps_of(process: ProcessRecording, tid: int) -> Iterator[tuple[Stack, int | None]]:
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


def _is_outermost(process: ProcessRecording, place: Frame, attempt: Attempt) -> bool:
    """Whether tasks begin in this function, stay all along, and end with its loop: none left it and began anew.

    A look that did not meet one of them says nothing: it is between two waits, where its chain cannot be read.
    """
    anatomy = find(anatomies(process.functions), place.file, place.line)
    around = [one for one in (anatomy.loops if anatomy else ()) if attempt.loop.lineno in extent(one)]
    looks = ([task for task in look.tasks if _begins(task.chain, place)] for look in process.task_looks)
    met = [{(task.address, task.name) for task in tasks} for tasks in looks if tasks]
    return len(around) == 1 and len(met) >= MIN_STAYS and met[0] == met[-1] == set.union(*met)


def _begins(chain: Stack, place: Frame) -> bool:
    return bool(chain) and (chain[-1].file, chain[-1].function) == (place.file, place.function)


def _rounds(process: ProcessRecording, tid: int, place: Frame, attempt: Attempt) -> Share:
    """The looks in which what an attempt makes was an object that no look had met, but for one for each task.

    Tasks in the same function each hold their own. Where there is one task, another object than the one before is
    another attempt's even if the memory of an earlier one was used again.
    """
    found = {}
    for look in process.hot_looks:
        for depth, frame in enumerate(look.stack if look.tid == tid else ()):
            if (frame.file, frame.function) == (place.file, place.function) and frame.line in attempt.body:
                found[look.at_s] = _brought(process, look, depth, attempt)  # the outermost counts
    held = [one for one in found.values() if one]
    tasks = {task.address for look in process.task_looks for task in look.tasks if _line(task.chain, place)}
    if len(tasks) == 1 and len(process.task_looks) >= MIN_STAYS:
        return Share(_changes(held), len(held))
    return Share(max(0, len(set(held)) - max(1, len(tasks))), len(held))


def _changes(held: Sequence[Brought]) -> int:
    """How often one of the variables held another object than the last time it was met."""
    last: dict[str, int] = {}
    count = 0
    for brought in held:
        count += any(last.get(name, identity) != identity for name, identity in brought)
        last |= dict(brought)
    return count


def _brought(process: ProcessRecording, look: HotLook, depth: int, attempt: Attempt) -> Brought:
    """What the attempt at this depth holds that is set once in each: its own, and that of what it calls once.

    The function that the user's innermost frame has called once runs for one attempt, with one set of arguments.
    """
    kept = [("", one) for one in _held(look, depth) if one.name in attempt.brings]
    while depth and is_user(look.stack[depth]) and _is_called_once(process, look, depth, attempt):
        depth -= 1
        called = look.stack[depth]
        anatomy = find(anatomies(process.functions), called.file, called.line)
        names = set_once(getattr(anatomy.node, "body", ())) | arguments(anatomy.node) if anatomy else set()
        kept += [(f"{called.file} {called.function}", one) for one in _held(look, depth) if one.name in names]
    is_old = not any(one.identity for _, one in kept)
    return tuple((f"{where} {one.name}", one.identity or one.value) for where, one in kept if one.identity or is_old)


def _held(look: HotLook, depth: int) -> Sequence[Held]:
    """The variables of one frame, as far as they were read."""
    held = look.held[depth] if depth < len(look.held) else ()
    is_called = depth + 1 < len(look.stack) and is_user(look.stack[depth + 1])
    is_begun = is_called and not any(map(is_user, look.stack[: depth + 1]))  # by the innermost of the user's
    return held or (look.begun if is_begun else ())


def _is_called_once(process: ProcessRecording, look: HotLook, depth: int, attempt: Attempt) -> bool:
    """Whether the line at this depth calls what it has called no more than once in an attempt."""
    frame, name = look.stack[depth], look.stack[depth - 1].function.rpartition(".")[2]
    anatomy = find(anatomies(process.functions), frame.file, frame.line)
    if anatomy is None:
        return False
    inner = [one for one in anatomy.loops if frame.line in extent(one) and not _is_around(one, frame, attempt)]
    return all(goes_through_once(one, name) for one in inner)


def _is_around(loop: Loop, frame: Frame, attempt: Attempt) -> bool:
    """Whether a loop in this frame's function is the attempt's, or one around it."""
    return frame.file == attempt.file and attempt.loop.lineno in extent(loop) and length(loop) >= length(attempt.loop)
