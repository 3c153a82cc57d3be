"""Processes that wait in pipes and for each other's end, as the kernel shows them at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.locks import Party


@dataclass(frozen=True, slots=True)
class PipeWait:
    """A process one of whose threads waits in a pipe: to write into a full one, or to read from an empty one.

    `ancestors` are the processes above it up to the service, nearest first. `others` are the processes that have the
    pipe's other end, `seen` those of them whose threads were looked at. `ran_ns` is the CPU that all its threads have
    used since their start: where it is the same in two looks, the process did nothing in between. `attended` says why
    somebody may still serve the other end: a thread that reads or writes there, an epoll, a variable of another thread
    (empty: nobody). `tid`: this thread of the service itself reads from a pipe that only its own process can write into
    (None: a child); then `ran_ns` is that thread's. `behind` are processes in which a thread waits for a lock that this
    one has.
    """

    pid: int
    name: str
    writes: bool
    fd: int
    pipe: int
    ran_ns: int
    ancestors: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    attended: str = ""
    tid: int | None = None
    seen: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildWait:
    """A thread or task of the service that waits for a child (`child` None: for any).

    `by` is "end" (for the child to end), "read" or "write" (in a pipe of which only the child has the other end).
    `has_limit`: the wait ends by itself.
    """

    pid: int
    waiter: Party
    child: int | None
    by: str = "end"
    has_limit: bool = False


@dataclass(frozen=True, slots=True)
class PipeLook:
    """All such waits at one moment."""

    at_s: float
    pipes: tuple[PipeWait, ...] = ()
    children: tuple[ChildWait, ...] = ()
