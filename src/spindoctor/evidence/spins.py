"""Busy threads around a selector: what wakes them, and whether anybody attends to it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from spindoctor.evidence.handlers import BusyOne, Seen, handler_of, own_stack, registration, seen_of
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.other_circles import called_most
from spindoctor.evidence.sites import Namer
from spindoctor.evidence.wakeups import HUNG_UP, UNKNOWN, judge
from spindoctor.model.frames import Stack
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import EpollEntry
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.spinning import Spin, Spins, Wakeup
from spindoctor.model.watching import (
    EDGE_TRIGGERED,
    FAILED,
    ONE_SHOT,
    READABLE,
    WRITABLE,
    PollLook,
    Pulse,
)

WORTH_CORES = 0.05
"""Below 5 % of a core a thread has too few looks on the CPU to say what it does."""

MOST_WAKEUPS = 4
ACCEPT = re.compile(r"(^|_)accept(_|$)|(^|[a-z])Accept($|[A-Z])")
"""A word in the names of functions that accept connections, in any library."""

LONG_RUN = 50
"""Looks in a row in one callback of a loop that has no turns to tell: a callback that is called anew in every turn, and
fills nine tenths of it, is met so often in a row once in two hundred times."""

LOGGING = re.compile(r"/(logging/__init__|logging/handlers|traceback|linecache)\.py$")


def spins(recording: Recording) -> Spins | Missing:
    """Every thread that used CPU, with what its selector told."""
    if recording.seconds <= 0 or not recording.looks:
        return Missing("no look at the threads succeeded")
    found = [spin for process in recording.processes for spin in _of_process(recording, process)]
    return Spins(tuple(sorted(found, key=lambda one: one.wanted_cores, reverse=True)), recording.looks)


def _of_process(recording: Recording, process: ProcessRecording) -> list[Spin]:
    namer = Namer(process)
    uses = [use for use in process.threads if use.cpu_s / recording.seconds >= WORTH_CORES]
    return [_spin(recording, BusyOne(process, use, namer, seen_of(process, use.tid))) for use in uses]


def _spin(recording: Recording, busy: BusyOne) -> Spin:
    process, use, namer, seen = busy.process, busy.use, busy.namer, busy.seen
    running = [one for one in seen if one[0].call is None and one[0].ran_ns]
    hot = [one for one in process.polls if one.tid == use.tid]
    polls = [one.poll for one in hot if one.poll]
    timeouts = [one.timeout_s for one in polls if one.timeout_s is not None]
    accepting = [one for one in running if _accepts(own_stack(one))]
    return Spin(
        pid=process.pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        loop_type=use.loop_type or "",
        seconds=recording.seconds,
        cores=use.cpu_s / recording.seconds,
        wanted_cores=use.wanted_s / recording.seconds,
        asleep=Share(sum(1 for look, _, _ in seen if look.call and not look.waits_for_gil), len(seen)),
        polls=Share(len(polls), len(hot)),
        waits=Share(sum(1 for timeout in timeouts if timeout), len(timeouts)),
        timeout_s=timeouts[-1] if timeouts else None,
        wakeups=tuple(_wakeups(recording, busy)),
        place=_place(process, use, hot, namer),
        accepts=Share(len(accepting), len(running)),
        around_accept=Share(_around(running, accepting), len(running)),
        logs=Share(sum(1 for one in running if _logs(one[0].stack)), len(running)),
        acceptor=_acceptor(accepting, namer, use.tid),
        is_blind=use.loop is not None and not polls,
        stays=_stays(process, use.tid),
        traced=process.calls_of(use.tid),
    )


def _stays(process: ProcessRecording, tid: int) -> Share:
    """The looks in the same turn of the loop as the look before: one callback fills all the time between them."""
    looks = [loop for sample in process.samples for loop in sample.loops if loop.tid == tid]
    turns = [one.turn for one in looks]
    known = [(one, two) for one, two in itertools.pairwise(turns) if one is not None and two is not None]
    if known or not looks:
        return Share(sum(one == two for one, two in known), len(known))
    runs = ((mark, len(list(run))) for mark, run in itertools.groupby(one.callback for one in looks))
    return Share(sum(length - 1 for mark, length in runs if mark is not None and length >= LONG_RUN), len(looks) - 1)


def _accepts(stack: Stack) -> bool:
    return any(ACCEPT.search(frame.function.rpartition(".")[2]) for frame in stack)


def _around(running: Sequence[Seen], accepting: Sequence[Seen]) -> int:
    """Looks with a function on the stack that was seen to call one that accepts."""
    callers = {caller for one in accepting for caller in _callers(own_stack(one))}
    return sum(1 for one in running if callers & {(frame.file, frame.function) for frame in own_stack(one)})


def _callers(stack: Stack) -> set[tuple[str, str]]:
    """The function that accepts last before it leaves its name: the outermost that does, and who called it."""
    outermost = max(n for n, frame in enumerate(stack) if _accepts((frame,)))
    return {(frame.file, frame.function) for frame in stack[outermost : outermost + 2]}


def _logs(stack: Stack) -> bool:
    return any(LOGGING.search(frame.file) for frame in stack)


def _acceptor(accepting: Sequence[Seen], namer: Namer, tid: int) -> Culprit | None:
    """Who accepts: the user's function that calls it, else the outermost function whose name says so."""
    places = Counter(cut for one in accepting if (cut := _from_accept(own_stack(one))))
    most = next(iter(places.most_common(1)), None)
    return namer.culprit(most[0], tid) if most else None


def _from_accept(stack: Stack) -> Stack:
    """The stack from its outermost accepting function of a library on, or whole where user code is in it."""
    if user_frame(stack):
        depth = next(n for n, frame in enumerate(stack) if _accepts((frame,)))
        return stack[depth:] if user_frame(stack[depth:]) else stack
    outermost = max(n for n, frame in enumerate(stack) if _accepts((frame,)))
    return stack[outermost : outermost + 1]


def _place(process: ProcessRecording, use: ThreadUse, hot: Sequence[PollLook], namer: Namer) -> Culprit | None:
    """Where the selector is called; in an event loop of no known kind what that calls in nearly every turn."""
    if called := called_most(process, use):
        return namer.culprit(called, use.tid)
    callers = Counter(one.stack[one.poll.depth :] for one in hot if one.poll and len(one.stack) > one.poll.depth)
    most = next(iter(callers.most_common(1)), None)
    return namer.culprit(most[0], use.tid) if most else None


def _wakeups(recording: Recording, busy: BusyOne) -> Iterable[Wakeup]:
    """The descriptors told of most, or where none is told of those whose pulse was taken."""
    process, use = busy.process, busy.use
    answers = [one.poll.events for one in process.polls if one.tid == use.tid and one.poll and one.poll.events]
    told = Counter(fd for events in answers for fd in {fd for fd, _ in events})
    asked = [one for look in process.polls if look.tid == use.tid and look.poll for one in _together(look.poll.asked)]
    pulses: dict[int, list[Pulse]] = {}
    for one in process.pulses:
        if one.tid == use.tid:
            pulses.setdefault(one.fd, []).append(one)
    for fd in [fd for fd, _ in told.most_common(MOST_WAKEUPS)] or list(pulses):
        seen = Share(told[fd], len(answers)) if answers else NO_LOOKS
        mask = _mask(process, use.tid, fd, [mask for events in (*answers, asked) for one, mask in events if one == fd])
        found = pulses.get(fd, [Pulse(0.0, use.tid, fd, "unknown")])
        yield _wakeup(busy, seen, mask, found, _kept_by(recording, process, found[-1]))


def _together(asked: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """What a call asks for by descriptor: `select` is given one list for each direction."""
    masks: dict[int, int] = {}
    for fd, mask in asked:
        masks[fd] = masks.get(fd, 0) | mask
    return masks.items()


def _mask(process: ProcessRecording, tid: int, fd: int, told: Sequence[int]) -> int:
    """The events: what was told most often, else what the epoll is asked for."""
    if told:
        whole = [mask for mask in told if mask & FAILED] or list(told)
        return Counter(whole).most_common(1)[0][0]
    entry = _entry(process, fd)
    if entry:
        return 0 if entry.events & (EDGE_TRIGGERED | ONE_SHOT) else entry.events & (READABLE | WRITABLE)
    registered = registration(process, tid, fd)
    return registered.events if registered else READABLE


def _entry(process: ProcessRecording, fd: int) -> EpollEntry | None:
    return next((entry for epoll in process.epolls for entry in epoll.entries if entry.fd == fd), None)


def _wakeup(busy: BusyOne, seen: Share, mask: int, pulses: Sequence[Pulse], owners: tuple[int, ...]) -> Wakeup:
    last = pulses[-1]
    unused = judge(pulses, mask) if mask else UNKNOWN
    handler, is_handled = handler_of(busy, last.fd, mask)
    kept = f"this process has closed it, and pid {owners[0]} keeps it open" if owners else None
    return Wakeup(
        fd=last.fd,
        seen=seen,
        events=_words(WRITABLE if unused.is_written else mask),
        what=", ".join(filter(None, (_ends(last), last.state))),
        unused=kept or unused.unused,
        is_used=unused.is_used and not owners,
        is_exact=unused.is_exact or bool(owners),
        is_ready=unused.is_ready or bool(owners),
        is_listening=last.state == "LISTEN",
        owners=owners,
        handler=handler,
        is_handled=is_handled,
    )


def _ends(pulse: Pulse) -> str:
    """What a descriptor leads to."""
    socket = pulse.socket
    if socket is None:
        return "socket" if pulse.kind == "socket" else pulse.path or pulse.kind
    peer = f" -> {socket.remote}" if socket.remote and socket.state != "LISTEN" else ""
    return f"{socket.protocol} socket {socket.local}{peer}".strip()


def _words(mask: int) -> str:
    names = [
        name for bits, name in ((READABLE, "readable"), (WRITABLE, "writable"), (HUNG_UP, "hung up")) if mask & bits
    ]
    return " and ".join(names) or ("in error" if mask & FAILED else "unknown")


def _kept_by(recording: Recording, process: ProcessRecording, pulse: Pulse) -> tuple[int, ...]:
    told = () if _is_open(process, pulse.fd, pulse.inode) else pulse.owners
    return told or _owners(recording, process, pulse)


def _is_open(process: ProcessRecording, fd: int, inode: int) -> bool:
    """Whether at the end the process has this open under this number: then it was given anew, not closed."""
    return any((one.fd, one.inode) == (fd, inode) for one in process.descriptors)


def _owners(recording: Recording, process: ProcessRecording, pulse: Pulse) -> tuple[int, ...]:
    """Who has what this process has closed under this number: its epoll still watches it."""
    entry = _entry(process, pulse.fd)
    if (
        entry is None
        or _is_open(process, pulse.fd, entry.inode)
        or (pulse.inode == entry.inode and pulse.kind != "closed")
        or pulse.kind not in {"closed", "socket", "pipe"}
    ):
        return ()
    return (
        tuple(one.pid for one in recording.processes if any(held.inode == entry.inode for held in one.descriptors))
        if entry.inode
        else ()
    )
