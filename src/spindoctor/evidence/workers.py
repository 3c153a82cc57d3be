"""Servers whose workers all stand in requests while connections wait to be accepted: a pool, its members processes.

A connection that waits in the queue of a listening socket wakes whoever waits for it. Where some wait in look after
look, each process that has this socket is busy elsewhere: with a request, or it is no worker (but their parent).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spindoctor.evidence import other_loops
from spindoctor.evidence.delegates import delegates
from spindoctor.evidence.members import call_s, computes, member_moments, merged
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.facts import PoolUse, Site
from spindoctor.model.process import Socket
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool
from spindoctor.model.waiting import Standoffs

LISTEN = "LISTEN"
ACCEPTS = frozenset({"accept", "accept4"})
HALF = 0.5
"""A thread that works for a request in half of the looks works for requests."""

SPARE_DESCRIPTORS = 8
"""With fewer left than that a process may be unable to accept: no lack of workers keeps connections waiting then."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """One process and those of its threads that work for requests."""

    process: ProcessRecording
    tids: frozenset[int]
    moments: tuple[Moment, ...]


def worker_pools(recording: Recording) -> list[PoolUse]:
    """Every server of the family at which connections waited when its descriptors were read."""
    told = standoffs(recording)
    stuck = {one.pid for one in told.standoffs} if isinstance(told, Standoffs) else set[int]()
    found = []
    for address, inodes in _addresses(recording).items():
        workers = [one for process in recording.processes if (one := _worker(process, address, inodes))]
        is_other = any(_is_other_kind(one.process) or one.process.pid in stuck for one in workers)
        if workers and not is_other:
            found.append(_use(recording, address, inodes, workers))
    return found


def _addresses(recording: Recording) -> dict[str, set[int]]:
    """The inodes of the sockets that were followed, by the address that they listen at."""
    followed = {inode for look in recording.queue_looks for inode, waiting in look.waiting if waiting}
    found: dict[str, set[int]] = {}
    for process in recording.processes:
        for one in process.descriptors:
            if one.inode in followed and one.socket:
                found.setdefault(one.socket.local or f"{one.socket.protocol} socket", set()).add(one.inode)
    return found


def _worker(process: ProcessRecording, address: str, inodes: set[int]) -> _Worker | None:
    """A process that has one of these sockets and works for requests; None for any other."""
    if not any(one.inode in inodes for one in process.descriptors) or _is_full(process):
        return None
    namer = Namer(process)
    routed, seen = Counter[int](), Counter[int]()
    for sample in process.samples:
        for look in sample.threads:
            seen[look.tid] += 1
            routed[look.tid] += bool(look.stack) and namer.route(look.stack) is not None
    tids = {tid for tid in seen if routed[tid] >= HALF * seen[tid]}
    if len(tids & _passing(process)) > HALF * len(tids) or _is_held_up(process, tids):
        return None
    is_alone = not any(count for tid, count in routed.items() if tid != process.pid)
    if not tids and is_alone and (routed[process.pid] or _has_client(process, address)) and _is_away(process):
        tids = {process.pid}
    return _Worker(process, frozenset(tids), tuple(member_moments(process, tids))) if tids else None


def _passing(process: ProcessRecording) -> set[int]:
    """Threads that began and ended meanwhile: where each request has a thread of its own, none waits for a free one."""
    if not process.samples:
        return set()
    first, last = ({look.tid for look in one.threads} for one in (process.samples[0], process.samples[-1]))
    return {look.tid for sample in process.samples for look in sample.threads} - first - last


def _is_held_up(process: ProcessRecording, members: set[int]) -> bool:
    """Whether one that serves no request, as who accepts for all, waits for the GIL in most looks: not for a worker."""
    waits = Counter(
        look.tid
        for sample in process.samples
        for look in sample.threads
        if look.waits_for_gil and look.tid not in members
    )
    return any(count > HALF * len(process.samples) for count in waits.values())


def _is_full(process: ProcessRecording) -> bool:
    limit = process.descriptor_limit
    return limit is not None and len(process.descriptors) + SPARE_DESCRIPTORS > limit


def _has_client(process: ProcessRecording, address: str) -> bool:
    return any(one.socket and _is_accepted(one.socket, address) for one in process.descriptors)


def _is_accepted(socket: Socket, address: str) -> bool:
    """Whether this is a connection that came in at this address; a socket may listen at every address of a host."""
    if socket.state == LISTEN:
        return False
    if socket.protocol == "unix":
        return bool(address) and socket.local == address
    return bool(socket.remote) and socket.local.rpartition(":")[2] == address.rpartition(":")[2]


def _is_away(process: ProcessRecording) -> bool:
    """Whether the main thread does not wait for connections in most looks."""
    looks = [look for sample in process.samples for look in sample.threads if look.tid == process.pid]
    away = sum(bool(look.stack) and not _accepts(look) for look in looks)
    return away > HALF * len(looks)


def _accepts(look: ThreadLook) -> bool:
    return look.call is not None and look.call.name in ACCEPTS


def _is_other_kind(process: ProcessRecording) -> bool:
    """Whether it serves from an event loop: what holds that loop up is another mechanism.

    A loop that works for a thread that waits for it serves nobody else.
    """
    helping = {task.loop for look in delegates(process) for task in look.values()}
    return any(
        (use.loop is not None and use.loop not in helping) or other_loops.looks(process, use) for use in process.threads
    )


def _use(recording: Recording, address: str, inodes: set[int], workers: Sequence[_Worker]) -> PoolUse:
    counts = [sum(n for inode, n in look.waiting if inode in inodes) for look in recording.queue_looks]
    moments = [moment for one in workers for moment in one.moments]
    members = sum(len(one.tids) for one in workers)
    holders = merged([site for one in workers for site in _sites(one, len(moments))])
    return PoolUse(
        pid=workers[0].process.pid,
        pool=Pool(min(inodes), "workers", address, members, members, counts[-1]),
        full=Share(sum(1 for one in counts if one), len(counts)),
        queued_most=max(counts),
        holders=holders,
        holders_computing=Share(sum(1 for one in moments if computes(one)), len(moments)),
        held_s=holders[0].longest_s if holders else 0.0,
        call_s=call_s(moments),
        processes=tuple(one.process.pid for one in workers),
    )


def _sites(worker: _Worker, of: int) -> Iterator[Site]:
    namer = Namer(worker.process)
    yield from group(worker.moments, namer, min(worker.tids), of, by_line=True)
