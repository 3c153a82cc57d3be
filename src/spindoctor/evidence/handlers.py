"""Who is called for a descriptor that a selector reports, and where the looks found him at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.sample import LoopLook, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.watching import FAILED, READABLE, WRITABLE, Handler, Registration

MOSTLY = 0.8
"""Lower bound: who is called on every turn is met in nearly all looks inside a callback."""

Seen = tuple[ThreadLook, LoopLook | None, float]


@dataclass(frozen=True, slots=True)
class BusyOne:
    """One busy thread of one process, with all looks at it."""

    process: ProcessRecording
    use: ThreadUse
    namer: Namer
    seen: Sequence[Seen]


def seen_of(process: ProcessRecording, tid: int) -> list[Seen]:
    """The looks at one thread, each with the look at its loop and its time."""
    found: list[Seen] = []
    for sample in process.samples:
        loop = next((one for one in sample.loops if one.tid == tid), None)
        found.extend((look, loop, sample.at_s) for look in sample.threads if look.tid == tid)
    return found


def own_stack(seen: Seen) -> Stack:
    """Of a loop's thread only what the loop called; of others all."""
    look, loop, _ = seen
    return look.stack[: loop.depth] if loop else look.stack


def registration(process: ProcessRecording, tid: int, fd: int) -> Registration | None:
    """What the thread's selector keeps for a descriptor."""
    return next((one for one in process.registrations if (one.tid, one.fd) == (tid, fd)), None)


def handler_of(busy: BusyOne, fd: int, mask: int) -> tuple[Culprit | None, bool | None]:
    """Who is called for these events, and whether anybody is (None: not known)."""
    known = registration(busy.process, busy.use.tid, fd)
    if known is None:
        return (_only_callback(busy), None) if busy.use.loop is not None else (None, None)
    both = ((READABLE | FAILED, known.reader), (WRITABLE | FAILED, known.writer))
    handler = next((one for bits, one in both if one and mask & bits), None)
    if handler is None:
        return None, False
    return _at_work(busy, handler) or busy.namer.culprit((handler.function,), busy.use.tid), True


def _at_work(busy: BusyOne, handler: Handler) -> Culprit | None:
    """Where the looks found the handler at work; in user code, if it calls any."""
    moments = [
        Moment(at_s, look, stack, at_s)
        for look, loop, at_s in busy.seen
        if (stack := _inside(look.stack, loop, handler))
    ]
    mine = [one for one in moments if user_frame(one.stack)]
    if not mine and is_user(handler.function):
        return None
    return next((site.culprit for site in group(mine or moments, busy.namer, busy.use.tid, len(moments))), None)


def _inside(stack: Stack, loop: LoopLook | None, handler: Handler) -> Stack:
    """The part of a stack that belongs to a handler; empty where it is not at work."""
    if handler.handle:
        return stack[: loop.depth] if loop and loop.callback == handler.handle else ()
    name = _last(handler.function)
    depths = (n for n, frame in enumerate(stack) if (frame.file, _last(frame)) == (handler.function.file, name))
    return stack[: max(depths, default=-1) + 1]


def _last(frame: Frame) -> str:
    """A function's own name: before 3.11 frames keep no qualified one."""
    return frame.function.rpartition(".")[2]


def _only_callback(busy: BusyOne) -> Culprit | None:
    """The plain callback that a loop in C, whose queue does not show, runs, where it runs hardly any other."""
    moments = [
        Moment(at_s, look, look.stack[: loop.depth], at_s)
        for look, loop, at_s in busy.seen
        if loop and loop.depth and loop.task is None and loop.ready is None
    ]
    runs = Counter((one.stack[-1].file, one.stack[-1].function) for one in moments)
    first, count = next(iter(runs.most_common(1)), (("", ""), 0))
    if Share(count, len(moments)).low < MOSTLY:
        return None
    mine = [one for one in moments if (one.stack[-1].file, one.stack[-1].function) == first]
    return group(mine, busy.namer, busy.use.tid, len(moments))[0].culprit
