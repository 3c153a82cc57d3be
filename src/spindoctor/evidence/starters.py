"""Who begins threads: looks met him in `threading`'s own `start`, where he waits until the new thread runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from spindoctor.evidence.origin import once_each, user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording

THREADING_FILE = "/threading.py"
"""Where the standard library starts threads."""

MOSTLY = 0.8
"""Where so many of the starts that looks met are at one line, the others are hardly more."""


def starters(process: ProcessRecording) -> tuple[Culprit, ...]:
    """The line of the user's at which nearly all threads that looks saw begin were begun; empty where there is none."""
    met = list(_starts(process))
    lines = Counter(user_frame(stack) for _, stack in met)
    if not lines:
        return ()
    line, count = lines.most_common(1)[0]
    if line is None or count < MOSTLY * len(met):
        return ()
    tid, stack = next(one for one in met if user_frame(one[1]) == line)
    return (Namer(process).culprit(stack, tid),)


def _starts(process: ProcessRecording) -> Iterator[tuple[int, Stack]]:
    """Each look that met a thread in `start`: its stack from there on outwards."""
    looks = [look for sample in process.samples for look in sample.threads]
    outwards = once_each((look.stack for look in looks), _from_start)
    return ((look.tid, stack) for look, stack in zip(looks, outwards, strict=True) if stack)


def _from_start(stack: Stack) -> Stack:
    return stack[next((at for at, frame in enumerate(stack) if starts_thread(frame)), len(stack)) :]


def starts_thread(frame: Frame) -> bool:
    """Whether this is the function that begins a thread; before 3.11 its class is not told."""
    return frame.file.endswith(THREADING_FILE) and frame.function.rpartition(".")[2] == "start"
