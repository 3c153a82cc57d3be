"""The few functions of the user's that fill an event loop which is none of asyncio's, called by it turn after turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from spindoctor.evidence import other_loops
from spindoctor.evidence.anatomy import anatomies, extent, find
from spindoctor.evidence.arrivals import arrivals_per_s
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Circle
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.share import NO_LOOKS, Share

MOST_MEMBERS = 3
"""Two that wake each other, and one that a library calls between them."""

MIN_PART = 0.05
"""A function met less often is other traffic, no part of the circle."""

MOSTLY = 0.6
"""Lower bound: what a loop calls in most of its turns."""


def other_circles(recording: Recording, process: ProcessRecording) -> list[Circle]:
    """For each such loop the functions that it was found calling most, and how much comes in from outside."""
    found = [_circle(recording, process, use) for use in process.threads if use.loop_epoll is not None or use.loop]
    return [one for one in found if one]


def _circle(recording: Recording, process: ProcessRecording, use: ThreadUse) -> Circle | None:
    looks = other_loops.looks(process, use)
    if not looks:
        return None
    steps = list(_steps(looks))
    counts = Counter((first.file, first.function) for first, _ in steps)
    most = [code for code, _ in counts.most_common(MOST_MEMBERS)]
    inside = [(first, stack) for first, stack in steps if (first.file, first.function) in most]
    members = [code for code in most if counts[code] >= MIN_PART * len(steps)]
    stacks = {code: [stack for first, stack in inside if (first.file, first.function) == code] for code in members}
    namer = Namer(process)
    return Circle(
        pid=process.pid,
        tid=use.tid,
        members=tuple(namer.culprit(goes_round(process, seen), use.tid) for seen in stacks.values()),
        share=Share(len(inside), len(steps)),
        incoming=NO_LOOKS,
        serving=NO_LOOKS,
        is_other=True,
        arrivals_per_s=arrivals_per_s(recording, process),
    )


def called_most(process: ProcessRecording, use: ThreadUse) -> Stack:
    """Where the user's function stands that such a loop calls nearly always; empty where there is none."""
    steps = list(_steps(other_loops.looks(process, use)))
    counts = Counter((first.file, first.function) for first, _ in steps)
    code, count = next(iter(counts.most_common(1)), (("", ""), 0))
    if Share(count, len(steps)).low < MOSTLY:
        return ()
    return goes_round(process, [stack for first, stack in steps if (first.file, first.function) == code])


def goes_round(process: ProcessRecording, stacks: Sequence[Stack]) -> Stack:
    """The stack met most, from the user's innermost function on that stands in a loop of its source."""
    known = anatomies(process.functions)
    stack = Counter(stacks).most_common(1)[0][0]
    for number, frame in enumerate(stack):
        anatomy = find(known, frame.file, frame.line) if is_user(frame) else None
        if anatomy and any(frame.line in extent(loop) for loop in anatomy.loops):
            return stack[number:]
    return stack


def _steps(looks: list[other_loops.Look]) -> Iterator[tuple[Frame, Stack]]:
    """The looks inside a callback: the user's outermost function there, and the stack from it inwards."""
    for _, loop, thread in looks:
        stack = thread.stack[: loop.depth]
        depth = max((number for number, frame in enumerate(stack) if is_user(frame)), default=-1)
        if depth >= 0 and thread.call is None:
            yield stack[depth], stack[: depth + 1]
