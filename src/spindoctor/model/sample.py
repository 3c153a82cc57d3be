"""Looks: what a process was doing at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spindoctor.model.frames import Stack
from spindoctor.model.routes import Route

EPOLL_WAITS = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})
"""The system calls in which a thread waits for what an epoll watches (epoll_wait(2))."""

SLEEPS = frozenset({"clock_nanosleep", "nanosleep"})
"""System calls that are made to sleep and for nothing else."""


@dataclass(frozen=True, slots=True)
class SystemCall:
    """The system call in which a thread waits, as `/proc/PID/task/TID/syscall` shows it (proc(5))."""

    name: str
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Beneath:
    """What the functions between a program's start and the code that they call hold: equal while one call runs.

    `held` changes with the objects in their variables, `clock` with the floats of the outermost (None: they have none).
    """

    held: int
    clock: int | None = None


@dataclass(frozen=True, slots=True)
class ThreadLook:
    """One thread in one look.

    `ran_ns` is the CPU time it used since the look before (0: it did not run, so its stack is no sample of CPU).
    `call` is the system call it waits in, None while it runs. `waits_for_gil` is True only where the futex it waits on
    is the GIL's own. `is_complete` is False for a stack that does not end at the thread's first function.
    `route` is the request that it works for, where that was asked for in every look.
    `instruction` is where in its code the innermost frame stands (None: no frame, or not read in this look).
    `beneath` tells one call of a loop from the next, where the loop is of no known kind.
    """

    tid: int
    stack: Stack = ()
    ran_ns: int = 0
    call: SystemCall | None = None
    waits_for_gil: bool = False
    has_gil: bool = False
    is_complete: bool = True
    instruction: int | None = None
    route: Route | None = None
    beneath: Beneath | None = None


@dataclass(frozen=True, slots=True)
class LoopLook:
    """The event loop of one thread in one look.

    `polls` is True while the loop is in its selector; `poll_timeout_s` is what it gave the selector (0: do not wait,
    -1: wait without limit, None: not readable). `turn` changes with every turn of the loop (negative: it moved on while
    it was read) and `callback` with every callback inside a turn (None: not readable). `holder` is the
    address of the `self` of the callback that runs. `ready` is the number of callbacks waiting to run; `overdue_s` how
    late the first timer is.
    """

    tid: int
    loop: int
    task: int | None = None
    polls: bool = False
    poll_timeout_s: float | None = None
    ready: int | None = None
    overdue_s: float | None = None
    turn: float | None = None
    callback: int | None = None
    holder: int | None = None
    depth: int = 0
    """How many innermost frames of the thread's stack belong to the callback; the rest is the loop's machinery."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process. `at_s` counts from the start of the recording."""

    at_s: float
    threads: tuple[ThreadLook, ...]
    loops: tuple[LoopLook, ...] = ()
    is_collecting: bool = False
    gil_switches: int = 0


TORN = "a stack changed while it was read"
"""Why the stack of one thread was missed in a look that was made."""

PARTS = ("tasks: ", "locks: ", "connections: ")
"""How the reasons begin for which a part of a look was missed."""


def failed_looks(missed: Iterable[tuple[str, int]]) -> int:
    """How many whole looks were missed, given each reason and its count: not a thread's stack in one, nor a part."""
    return sum(count for why, count in missed if why != TORN and not why.startswith(PARTS))


@dataclass(frozen=True, slots=True)
class Missed:
    """Looks that failed for one reason; counted, never dropped."""

    why: str
    count: int
