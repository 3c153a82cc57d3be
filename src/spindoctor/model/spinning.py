"""Evidence about threads that never rest around a selector or an accept call."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.calls import CallCounts
from spindoctor.model.outcome import Culprit
from spindoctor.model.share import NO_LOOKS, Share


@dataclass(frozen=True, slots=True)
class Wakeup:
    """One descriptor that a selector gives back.

    `seen` is the share of the looks that show what the selector gave back (none where it shows nothing: then the
    descriptor is known from its epoll alone). `events` and `what` are words. `unused` says with figures why nobody can
    have taken anything from it meanwhile; None where that is not certain. `is_used`: something was taken. `is_exact`:
    this rests on the kernel's own counters. `is_ready`: its state alone shows that a selector which is asked for it
    returns at once.
    `owners` are the processes that keep open what this one has closed.
    `handler` is who is called for it; `is_handled` is False where nobody is (None: not known).
    """

    fd: int
    seen: Share
    events: str
    what: str
    unused: str | None = None
    is_used: bool = False
    is_exact: bool = False
    is_ready: bool = False
    is_listening: bool = False
    owners: tuple[int, ...] = ()
    handler: Culprit | None = None
    is_handled: bool | None = None


@dataclass(frozen=True, slots=True)
class Spin:
    """One busy thread and its selector.

    `asleep` are the looks in which it slept, `polls` those looks at it while it ran that show a selector call, `waits`
    those of them whose call was given time to wait (`timeout_s` is what was given last; -1: without limit).
    `accepts` are the looks on the CPU with a function on the stack that accepts connections, `around_accept` those with
    one that calls such a function, `logs` those inside logging. `place` is where it calls the selector.
    `is_blind`: a loop that shows none of this, written in C. `stays` are the looks that found a loop in the very turn
    in which the look before had found it. `traced` are its system calls, where they were counted.
    """

    pid: int
    tid: int
    thread: str
    is_loop: bool
    loop_type: str
    seconds: float
    cores: float
    wanted_cores: float
    asleep: Share
    polls: Share
    waits: Share
    timeout_s: float | None = None
    wakeups: tuple[Wakeup, ...] = ()
    place: Culprit | None = None
    accepts: Share = NO_LOOKS
    around_accept: Share = NO_LOOKS
    logs: Share = NO_LOOKS
    acceptor: Culprit | None = None
    is_blind: bool = False
    stays: Share = NO_LOOKS
    traced: CallCounts | None = None


@dataclass(frozen=True, slots=True)
class Spins:
    """Every thread that used CPU, busiest first; `looks` at the family."""

    threads: tuple[Spin, ...]
    looks: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A listening socket of one process, and the connections that waited there to be accepted."""

    pid: int
    fd: int
    address: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Holder:
    """A place in the code at which many tasks or threads stand: they are what keeps descriptors open, if anything."""

    count: int
    culprit: Culprit


@dataclass(frozen=True, slots=True)
class Backlog:
    """Where connections wait, the most first; and who may hold the descriptors, by process."""

    queues: tuple[Queue, ...]
    holders: tuple[Holder, ...] = ()
