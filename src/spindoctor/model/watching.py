"""What a thread that burns CPU is told by its selector, and the state of the descriptors that it is told of."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.process import Socket

READABLE = 0x1 | 0x2 | 0x40
"""EPOLLIN, EPOLLPRI, EPOLLRDNORM (include/uapi/linux/eventpoll.h); poll(2) has the same numbers."""

WRITABLE = 0x4 | 0x100
"""EPOLLOUT, EPOLLWRNORM."""

FAILED = 0x8 | 0x10
"""EPOLLERR, EPOLLHUP: reported whether or not they were asked for."""

EDGE_TRIGGERED = 1 << 31
"""EPOLLET: such an entry is reported once for each event, and keeps nobody awake."""

ONE_SHOT = 1 << 30
"""EPOLLONESHOT: reported once, and then no more until it is asked for again."""

NO_LIMIT_S = -1.0


@dataclass(frozen=True, slots=True)
class Poll:
    """One call of a selector, as the frames of one look show it.

    `timeout_s` is what it was given (0: do not wait, -1: wait without limit, None: not readable). `events` are the
    (descriptor, poll(2) mask) that it gave back, `asked` those that it was given; both empty where they do not show.
    `depth` is how many innermost frames belong to the selector.
    """

    timeout_s: float | None = None
    events: tuple[tuple[int, int], ...] = ()
    asked: tuple[tuple[int, int], ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True)
class PollLook:
    """One look at a thread that runs, with the selector call that its stack shows (None: none)."""

    at_s: float
    tid: int
    stack: Stack
    poll: Poll | None = None


@dataclass(frozen=True, slots=True)
class Handler:
    """What is called for an event: the function and the line it is defined at.

    `handle` is the address of asyncio's handle for it (0: none).
    """

    function: Frame
    handle: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """One descriptor in the selector of a thread: the events asked for (poll(2) mask), and what is called for them."""

    tid: int
    fd: int
    events: int
    reader: Handler | None = None
    writer: Handler | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """The state of one descriptor at one moment.

    `kind`, `path` and `socket` are as in `Descriptor`, or `kind` is "closed" where the process has no such descriptor
    any more; `state` is the socket's now. `queued` are bytes (for a listening socket: connections; for an eventfd: its
    count) that wait to be read, `unsent` those that wait to be sent; `received` and `sent` are the kernel's counters of
    a connection. `is_alone`: nothing can come from another end any more. `owners` are the processes that have open what
    this one has closed, as far as they can be seen. `read_bytes` and `written_bytes` are what the thread has put
    through read(2) and write(2) in its life. None: not known.
    """

    at_s: float
    tid: int
    fd: int
    kind: str
    inode: int = 0
    path: str = ""
    socket: Socket | None = None
    state: str = ""
    queued: int | None = None
    unsent: int | None = None
    received: int | None = None
    sent: int | None = None
    is_alone: bool | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    owners: tuple[int, ...] = ()
