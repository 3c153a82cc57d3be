"""Who waits for whom: threads and tasks, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Frame

PUT = "put"
"""A wait for room in a queue."""

SHARED_LOCK = "shared lock"
"""A lock of several processes; who has it is no part of one process's waits."""


FILE_LOCK = "file lock"
"""How the type of a lock of a file begins; its path follows."""


@dataclass(frozen=True, slots=True)
class Party:
    """A thread by its kernel id, or a task by its address."""

    tid: int | None = None
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Handle:
    """What somebody's function has at hand and others wait for, by the name that it has there (`jobs`, `self.jobs`)."""

    party: Party
    frame: Frame
    name: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody who waits for what another one has or has to finish.

    `target` is the address of what stands between them, `type_name` its type. `kind`: "lock" (of threads), "task lock"
    (of tasks), "join" (the end of a thread), "future" (a result that one thread has to bring), "pool" (a result that is
    still queued in a pool: any of the holders would do), "shared lock" (of several processes), "put" (room in a full
    queue; the target is what this one wait is for, and changes with the next).
    `holders` are those that have it, `held_at` the frame in which the first of them does. `is_orphaned`: it names an
    owner that is no thread of this process, or was copied by a fork while a thread of the parent had it.
    `has_limit`: the wait ends by itself. `handles`: of the first wait for a lock without a holder, who has
    that at hand.
    """

    waiter: Party
    kind: str
    target: int
    type_name: str
    holders: tuple[Party, ...] = ()
    held_at: Frame | None = None
    is_orphaned: bool = False
    has_limit: bool = False
    handles: tuple[Handle, ...] = ()


@dataclass(frozen=True, slots=True)
class FullQueue:
    """A queue with a bound in which somebody waits for room: who does, and who has it at hand.

    `others` are those who have it at hand in functions of libraries, and do not wait for room in it. `is_asked`: nobody
    was left out, but for such as wait for room where one did who was asked.
    """

    target: int
    type_name: str
    putters: tuple[Party, ...]
    handles: tuple[Handle, ...]
    others: tuple[Party, ...] = ()
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A thread of one of several processes."""

    pid: int
    tid: int


@dataclass(frozen=True, slots=True)
class SharedLock:
    """A lock of several processes for which somebody waited at one moment.

    `name` tells it from others: device, inode and place of its semaphore, or the inode of a locked file. `holder` is
    None where nobody is seen to have it. `is_abandoned`: it is locked, every process that has it was read, and none
    holds it. `limited` are the waiters whose wait ends by itself.
    """

    name: str
    type_name: str
    waiters: tuple[Member, ...]
    holder: Member | None = None
    is_abandoned: bool = False
    limited: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedLook:
    """All such locks at one moment."""

    at_s: float
    locks: tuple[SharedLock, ...] = ()
