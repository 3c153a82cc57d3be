"""Evidence of what waits: standoffs, locks, peers, tasks that pile up. One class for each kind of fact."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import Candidate
from spindoctor.model.share import Share


@dataclass(frozen=True, slots=True)
class Waiter:
    """A thread or task that waits: who it is, where it waits, and for what."""

    name: str
    culprit: Culprit
    waits_for: str


@dataclass(frozen=True, slots=True)
class Standoff:
    """Threads or tasks that wait for each other.

    `kind`: "cycle" (each has what the next one waits for), "loop" (a loop's thread waits for what only its own loop can
    bring), "pool" (all members of a pool wait for work that is queued in it), "orphan" (a lock that nobody in this
    process can release), "pipe" (a child is stuck in a pipe of ours while we wait for the child), "own pipe" (a thread
    reads from a pipe whose other end only its own process has), "abandoned" (a lock of several processes that is locked
    and that none of them has), "queue" (room in full queues, which only those who wait for it could make), "unread"
    (room in a full queue that nobody makes; `ended` are the tasks that did and have ended), "unserved" (an answer to
    what lies in a queue at which no thread is met), "standstill" (all threads of a process sleep on its own locks).
    `seen` are the slow looks that found it, `lasted_s` from the first of them to the last. `holds_loop`: the thread of
    an event loop is among them. `has_limit`: one of the waits ends by itself.
    """

    pid: int
    kind: str
    members: tuple[Waiter, ...]
    seen: Share
    lasted_s: float
    holds_loop: bool = False
    has_limit: bool = False
    is_forked: bool = False
    has_tasks: bool = False
    ended: tuple[Culprit, ...] = ()


@dataclass(frozen=True, slots=True)
class Standoffs:
    """All that lasted to the end of the look; `waits` is how many waits on locks, joins and futures were judged."""

    standoffs: tuple[Standoff, ...]
    looks: int
    waits: int


@dataclass(frozen=True, slots=True)
class LockUse:
    """One lock for which threads (or tasks) queued.

    `queued` are the slow looks in which somebody waited for it, `waiters` how many on average in these, `longest_s` the
    longest wait that was seen. `sites` are where they wait, `holder` where it is held most often, and `holder_calls`
    the system calls that a thread waits in meanwhile. `processes` are those of the waiters, where the
    lock is one of several processes. `stays`: it is one of a file, and all the time the same one had it and nobody got
    it, as where one of several is to lead and the others stand by.
    """

    pid: int
    type_name: str
    of_tasks: bool
    queued: Share
    waiters: float
    waiters_most: int
    longest_s: float
    sites: tuple[Culprit, ...]
    holder: Culprit | None = None
    holder_calls: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    stays: bool = False
    is_proven: bool = True


@dataclass(frozen=True, slots=True)
class LockUses:
    """All locks that anybody was seen to wait for, the longest wait first; without those of `stuck` processes.

    In these a standoff stands still, which is told for itself.
    """

    locks: tuple[LockUse, ...]
    looks: int
    stuck: int = 0


@dataclass(frozen=True, slots=True)
class PeerWait:
    """One peer for which requests waited at the moment when the connections were looked at.

    `ages_s` are the seconds for which each of them had been waiting, the longest first; `requests` is how many requests
    were in progress in these processes. `seen` are the slow looks in which at least half as many waited for it.
    `is_lone`: a process with one thread waits, which serves one request at a time. `is_connecting`: the peer has not
    even taken the connection. `is_kernels`: the seconds come from the kernel, not from our looks. `met_s` is the
    longest of them without what was seen to pass until an answer came (None: as the first of them).
    """

    peer: str
    pids: tuple[int, ...]
    ages_s: tuple[float, ...]
    requests: int
    seen: Share
    sites: tuple[Culprit, ...]
    is_lone: bool = False
    is_connecting: bool = False
    is_kernels: bool = True
    met_s: float | None = None


@dataclass(frozen=True, slots=True)
class PeerWaits:
    """All peers that requests waited for, and what waited at a connection without being a request's wait for a peer.

    `for_clients` waits are for the other end of accepted connections, `for_news` for a peer that has answered already,
    `for_nobody` for a peer, but for no request.
    """

    peers: tuple[PeerWait, ...]
    looks: int
    requests: int
    for_clients: int = 0
    for_news: int = 0
    for_nobody: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """Tasks or threads of one kind over the look: those that do the same work, and where most of them stand.

    `first` and `last` are how many there were at the two ends, `middle` in between; `begun` and `ended` are how many
    came and went. `kept` are those of the first look that are still there in the last. `at_clients` is the number of
    accepted connections for whose other end those of the last wait, `answered` of those that they work for and have
    sent something on since it was asked for.
    `are_members`: threads of a pool, which grows to its size. `makers` are who began them, where looks met them do so;
    `candidates` places in the source that begin such. `seconds` is the time from the first to the last, where that is
    not all of the look.
    """

    pid: int
    are_tasks: bool
    name: str
    first: int
    middle: int
    last: int
    begun: int
    ended: int
    kept: Share
    site: Culprit
    at_clients: int = 0
    answered: int = 0
    are_members: bool = False
    makers: tuple[Culprit, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Growths:
    """All kinds of which more began than ended, the fastest growth first."""

    kinds: tuple[Growth, ...]
    looks: int
    seconds: float
    tasks: int
    threads: int
