"""Busy threads around a selector: what wakes them, and whether anybody attends to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from spindoctor.evidence.origin import is_user, user_frame
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.evidence.wakeups import HUNG_UP, UNKNOWN, judge
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import EpollEntry
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.spinning import Spin, Spins, Wakeup
from spindoctor.model.watching import (
    EDGE_TRIGGERED,
    FAILED,
    ONE_SHOT,
    READABLE,
    WRITABLE,
    Handler,
    PollLook,
    Pulse,
    Registration,
)

WORTH_CORES = 0.05
"""Below 5 % of a core a thread has too few looks on the CPU to say what it does."""

MOST_WAKEUPS = 4
ACCEPT = re.compile(r"(^|_)accept(_|$)|(^|[a-z])Accept($|[A-Z])")
"""A word in the names of functions that accept connections, in any library."""

LOGGING = re.compile(r"/(logging/__init__|logging/handlers|traceback|linecache)\.py$")

Seen = tuple[ThreadLook, LoopLook | None, float]


def spins(recording: Recording) -> Spins | Missing:
    """Every thread that used CPU, with what its selector told."""
    if recording.seconds <= 0 or not recording.looks:
        return Missing("no look at the threads succeeded")
    found = [spin for process in recording.processes for spin in _of_process(recording, process)]
    return Spins(tuple(sorted(found, key=lambda one: one.wanted_cores, reverse=True)), recording.looks)


def _of_process(recording: Recording, process: ProcessRecording) -> list[Spin]:
    namer = Namer(process)
    uses = [use for use in process.threads if use.cpu_s / recording.seconds >= WORTH_CORES]
    return [_spin(recording, process, use, namer) for use in uses]


def _spin(recording: Recording, process: ProcessRecording, use: ThreadUse, namer: Namer) -> Spin:
    seen = _seen(process, use.tid)
    running = [one for one in seen if one[0].call is None and one[0].ran_ns]
    hot = [one for one in process.polls if one.tid == use.tid]
    polls = [one.poll for one in hot if one.poll]
    timeouts = [one.timeout_s for one in polls if one.timeout_s is not None]
    accepting = [one for one in running if _accepts(_own_stack(one))]
    return Spin(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        loop_type=use.loop_type or "",
        seconds=recording.seconds,
        cores=use.cpu_s / recording.seconds,
        wanted_cores=(use.cpu_s + use.queue_wait_s) / recording.seconds,
        asleep=Share(sum(1 for look, _, _ in seen if look.call and not look.waits_for_gil), len(seen)),
        polls=Share(len(polls), len(hot)),
        waits=Share(sum(1 for timeout in timeouts if timeout), len(timeouts)),
        timeout_s=timeouts[-1] if timeouts else None,
        wakeups=tuple(_wakeups(recording, process, use, namer)),
        place=_place(hot, namer, use.tid),
        accepts=Share(len(accepting), len(running)),
        around_accept=Share(_around(running, accepting), len(running)),
        logs=Share(sum(1 for one in running if _logs(one[0].stack)), len(running)),
        acceptor=_acceptor(accepting, namer, use.tid),
        is_blind=use.loop is not None and not polls,
    )


def _seen(process: ProcessRecording, tid: int) -> list[Seen]:
    """The looks at one thread, each with the look at its loop."""
    found: list[Seen] = []
    for sample in process.samples:
        loop = next((one for one in sample.loops if one.tid == tid), None)
        found.extend((look, loop, sample.at_s) for look in sample.threads if look.tid == tid)
    return found


def _own_stack(seen: Seen) -> Stack:
    """Of a loop's thread only what the loop called; of others all."""
    look, loop, _ = seen
    return look.stack[: loop.depth] if loop else look.stack


def _accepts(stack: Stack) -> bool:
    return any(ACCEPT.search(frame.function.rpartition(".")[2]) for frame in stack)


def _around(running: Sequence[Seen], accepting: Sequence[Seen]) -> int:
    """Looks with a function on the stack that was seen to call one that accepts."""
    callers = {caller for one in accepting for caller in _callers(_own_stack(one))}
    return sum(1 for one in running if callers & {(frame.file, frame.function) for frame in _own_stack(one)})


def _callers(stack: Stack) -> set[tuple[str, str]]:
    """The function that accepts last before it leaves its name: the outermost that does, and who called it."""
    outermost = max(n for n, frame in enumerate(stack) if _accepts((frame,)))
    return {(frame.file, frame.function) for frame in stack[outermost : outermost + 2]}


def _logs(stack: Stack) -> bool:
    return any(LOGGING.search(frame.file) for frame in stack)


def _acceptor(accepting: Sequence[Seen], namer: Namer, tid: int) -> Culprit | None:
    """Who accepts: the user's function that calls it, else the outermost function whose name says so."""
    places = Counter(cut for one in accepting if (cut := _from_accept(_own_stack(one))))
    most = next(iter(places.most_common(1)), None)
    return namer.culprit(most[0], tid) if most else None


def _from_accept(stack: Stack) -> Stack:
    """The stack from its outermost accepting function of a library on, or whole where user code is in it."""
    if user_frame(stack):
        depth = next(n for n, frame in enumerate(stack) if _accepts((frame,)))
        return stack[depth:] if user_frame(stack[depth:]) else stack
    outermost = max(n for n, frame in enumerate(stack) if _accepts((frame,)))
    return stack[outermost : outermost + 1]


def _place(hot: Sequence[PollLook], namer: Namer, tid: int) -> Culprit | None:
    """Where the selector is called."""
    callers = Counter(one.stack[one.poll.depth :] for one in hot if one.poll and len(one.stack) > one.poll.depth)
    most = next(iter(callers.most_common(1)), None)
    return namer.culprit(most[0], tid) if most else None


def _wakeups(recording: Recording, process: ProcessRecording, use: ThreadUse, namer: Namer) -> Iterable[Wakeup]:
    """The descriptors told of most, or where none is told of those whose pulse was taken."""
    answers = [one.poll.events for one in process.polls if one.tid == use.tid and one.poll and one.poll.events]
    told = Counter(fd for events in answers for fd in {fd for fd, _ in events})
    asked = [one for look in process.polls if look.tid == use.tid and look.poll for one in look.poll.asked]
    pulses: dict[int, list[Pulse]] = {}
    for one in process.pulses:
        if one.tid == use.tid:
            pulses.setdefault(one.fd, []).append(one)
    for fd in [fd for fd, _ in told.most_common(MOST_WAKEUPS)] or list(pulses):
        seen = Share(told[fd], len(answers)) if answers else NO_LOOKS
        mask = _mask(process, use.tid, fd, [mask for events in (*answers, asked) for one, mask in events if one == fd])
        yield _wakeup(recording, process, use, namer, seen, mask, pulses.get(fd, [Pulse(0.0, use.tid, fd, "unknown")]))


def _mask(process: ProcessRecording, tid: int, fd: int, told: Sequence[int]) -> int:
    """The events: what was told most often, else what the epoll is asked for."""
    if told:
        whole = [mask for mask in told if mask & FAILED] or list(told)
        return Counter(whole).most_common(1)[0][0]
    entry = _entry(process, fd)
    if entry:
        return 0 if entry.events & (EDGE_TRIGGERED | ONE_SHOT) else entry.events & (READABLE | WRITABLE)
    registered = _registration(process, tid, fd)
    return registered.events if registered else READABLE


def _entry(process: ProcessRecording, fd: int) -> EpollEntry | None:
    return next((entry for epoll in process.epolls for entry in epoll.entries if entry.fd == fd), None)


def _registration(process: ProcessRecording, tid: int, fd: int) -> Registration | None:
    return next((one for one in process.registrations if (one.tid, one.fd) == (tid, fd)), None)


def _wakeup(
    recording: Recording,
    process: ProcessRecording,
    use: ThreadUse,
    namer: Namer,
    seen: Share,
    mask: int,
    pulses: Sequence[Pulse],
) -> Wakeup:
    last = pulses[-1]
    owners = last.owners or _owners(recording, process, last)
    unused = judge(pulses, mask) if mask else UNKNOWN
    handler, is_handled = _handler(process, use, namer, last.fd, mask)
    kept = f"this process has closed it, and pid {owners[0]} keeps it open" if owners else None
    return Wakeup(
        fd=last.fd,
        seen=seen,
        events=_words(mask),
        what=", ".join(filter(None, (last.what or last.kind, last.state))),
        unused=kept or unused.unused,
        is_used=unused.is_used and not owners,
        is_exact=unused.is_exact or bool(owners),
        is_ready=unused.is_ready or bool(owners),
        is_listening=last.state == "LISTEN",
        owners=owners,
        handler=handler,
        is_handled=is_handled,
    )


def _words(mask: int) -> str:
    names = [
        name for bits, name in ((READABLE, "readable"), (WRITABLE, "writable"), (HUNG_UP, "hung up")) if mask & bits
    ]
    return " and ".join(names) or ("in error" if mask & FAILED else "unknown")


def _owners(recording: Recording, process: ProcessRecording, pulse: Pulse) -> tuple[int, ...]:
    """Who has what this process has closed under this number: its epoll still watches it."""
    entry = _entry(process, pulse.fd)
    if (
        entry is None
        or (pulse.inode == entry.inode and pulse.kind != "closed")
        or pulse.kind not in {"closed", "socket", "pipe"}
    ):
        return ()
    return (
        tuple(one.pid for one in recording.processes if any(held.inode == entry.inode for held in one.descriptors))
        if entry.inode
        else ()
    )


def _handler(
    process: ProcessRecording, use: ThreadUse, namer: Namer, fd: int, mask: int
) -> tuple[Culprit | None, bool | None]:
    """Who is called for these events, and whether anybody is."""
    registered = _registration(process, use.tid, fd)
    if registered is None:
        return (_only_callback(process, use, namer), None) if use.loop is not None else (None, None)
    kinds = [
        one
        for bits, one in ((READABLE | FAILED, registered.reader), (WRITABLE | FAILED, registered.writer))
        if mask & bits
    ]
    handler = next((one for one in kinds if one), None)
    if handler is None:
        return None, False
    return _at_work(process, use, namer, handler) or _defined(handler, namer, use.tid), True


def _defined(handler: Handler, namer: Namer, tid: int) -> Culprit:
    return namer.culprit((handler.function,), tid)


def _at_work(process: ProcessRecording, use: ThreadUse, namer: Namer, handler: Handler) -> Culprit | None:
    """Where the looks found the handler at work; in user code, if it calls any."""
    moments = [
        Moment(at_s, look, look.stack[: loop.depth], at_s)
        for look, loop, at_s in _seen(process, use.tid)
        if loop and loop.depth and handler.handle and loop.callback == handler.handle
    ]
    mine = [one for one in moments if user_frame(one.stack)]
    if not mine and is_user(handler.function):
        return None
    return next((site.culprit for site in group(mine or moments, namer, use.tid, len(moments))), None)


def _only_callback(process: ProcessRecording, use: ThreadUse, namer: Namer) -> Culprit | None:
    """The plain callback that a loop in C runs, where it runs no other."""
    moments = [
        Moment(at_s, look, look.stack[: loop.depth], at_s)
        for look, loop, at_s in _seen(process, use.tid)
        if loop and loop.depth and loop.task is None and loop.turn is None
    ]
    first = {_outermost(one.stack) for one in moments}
    return group(moments, namer, use.tid, len(moments))[0].culprit if len(first) == 1 else None


def _outermost(stack: Stack) -> tuple[str, str]:
    frame: Frame = stack[-1]
    return frame.file, frame.function
