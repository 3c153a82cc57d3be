"""Does the function of the user's that an event loop steps into most get anywhere?

What it does between two awaits shows as it does of a thread that polls: by its lines, and by what it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from spindoctor.evidence import other_loops
from spindoctor.evidence.anatomy import anatomies
from spindoctor.evidence.arrivals import arrivals_per_s
from spindoctor.evidence.asking import Asking, asking
from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import HotLook
from spindoctor.model.origin import is_user
from spindoctor.model.pursuits import Pursuit
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.sample import LoopLook, ThreadLook
from spindoctor.model.share import Share

WORTH_CORES = 0.1
"""Below a tenth of a core a loop has too few looks at work to say what it does."""

GOOD_PART = 0.1
"""To fail to connect takes a loop a few sleeps; a tenth is more than what others on the machine fail at meanwhile."""

Code = tuple[str, str]
"""A function by file and name."""


def pursuits(recording: Recording, process: ProcessRecording) -> list[Pursuit]:
    """For each loop that is at work what it does most."""
    if not recording.seconds:
        return []
    busy = [one for one in process.threads if one.cpu_s >= WORTH_CORES * recording.seconds]
    found = [_pursuit(recording, process, use) for use in busy if use.loop or use.loop_epoll is not None]
    return [one for one in found if one]


def _pursuit(recording: Recording, process: ProcessRecording, use: ThreadUse) -> Pursuit | None:
    if use.voluntary is None or use.involuntary is None:
        return None
    steps = [(stack, task) for stack, task in _steps(process, use) if any(map(is_user, stack))]
    counts = Counter(_code(_outermost(stack)) for stack, _ in steps)
    if not counts:
        return None
    code, count = counts.most_common(1)[0]
    inside = [(_own(stack), task) for stack, task in steps if _code(_outermost(stack)) == code]
    told = asking([stack for stack, _ in inside], _held(process, use.tid, code), (), anatomies(process.functions))
    if told.place and not is_user(told.place):
        told = Asking(repeats=told.repeats)
    stack, task = Counter(inside).most_common(1)[0][0]
    place = told.place or next(frame for frame in stack if is_user(frame))
    return Pursuit(
        pid=process.pid,
        tid=use.tid,
        culprit=Namer(process).culprit((place,), use.tid, task),
        steps=Share(count, len(steps)),
        asked=told.asked,
        asks=told.asks,
        works=told.works,
        ways=told.ways,
        repeats=told.repeats,
        fails=_fails(recording, process, use, code),
        sleeps_per_s=use.voluntary / recording.seconds,
        arrivals_per_s=arrivals_per_s(recording, process),
        losses_per_s=use.involuntary / recording.seconds,
    )


def _fails(recording: Recording, process: ProcessRecording, use: ThreadUse, code: Code) -> bool:
    """Whether exceptions came through this function, or connections failed for a good part of its sleeps."""
    came_through = any(one.tid == use.tid and code in map(_code, one.places) for one in process.failures)
    return came_through or (recording.machine.failed_connects or 0) >= GOOD_PART * max(use.voluntary or 0, 1)


def _steps(process: ProcessRecording, use: ThreadUse) -> Iterator[tuple[Stack, int | None]]:
    """What the loop had called in each whole look that met it inside a callback, and for which task."""
    for loop, look in _looks(process, use):
        if loop.depth and not loop.polls and look.is_complete:
            yield look.stack[: loop.depth], loop.task


def _looks(process: ProcessRecording, use: ThreadUse) -> Iterator[tuple[LoopLook, ThreadLook]]:
    if use.loop is None:
        yield from ((loop, look) for _, loop, look in other_loops.looks(process, use))
        return
    for sample in process.samples:
        look = next((one for one in sample.threads if one.tid == use.tid), None)
        yield from ((loop, look) for loop in sample.loops if look and loop.tid == use.tid)


def _code(frame: Frame) -> Code:
    return (frame.file, frame.function)


def _outermost(stack: Stack) -> Frame:
    return next(frame for frame in reversed(stack) if is_user(frame))


def _own(stack: Stack) -> Stack:
    """From the user's outermost function inwards as far as the first of a library's that the innermost calls.

    By which of its own functions a library asks is no other way of asking.
    """
    outer = max(number for number, frame in enumerate(stack) if is_user(frame))
    inner = min(number for number, frame in enumerate(stack) if is_user(frame))
    return stack[max(0, inner - 1) : outer + 1]


def _held(process: ProcessRecording, tid: int, code: Code) -> Sequence[HotLook]:
    """What the user's functions held in the looks that met this one; a library's differ with each question."""
    found = []
    for look in process.hot_looks:
        depths = [number for number, frame in enumerate(look.stack) if is_user(frame) and _code(frame) == code]
        if look.tid == tid and depths:
            stack = look.stack[: depths[-1] + 1]
            held = tuple(names if is_user(frame) else () for frame, names in zip(stack, look.held, strict=False))
            found.append(replace(look, stack=stack, held=held))
    return found
