"""Children that inherited an event loop's epoll and run a loop of their own that nothing can wake.

Newer interpreters give a forked child a new loop. What the parent had registered stays in the parent's epoll: the child
that is meant to serve beside it waits for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spindoctor.model.process import Descriptor, Epoll, Socket
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse

WITHOUT_LIMIT = -1.0
"""What a loop without timers gives its selector."""


def idle_heirs(recording: Recording, group: Sequence[Epoll], users: Sequence[Epoll]) -> dict[int, tuple[Socket, ...]]:
    """Members that do not use this epoll and wait for nothing else, by pid, with the listening sockets they hold.

    Only where somebody else serves these sockets: an epoll that nobody uses has no heirs.
    """
    used_by = {one.pid for one in users}
    found = {}
    for epoll in group:
        process = recording.process(epoll.pid)
        if users and process and epoll.pid not in used_by and _waits_for_nothing(process, epoll.fd):
            found[epoll.pid] = _listening(process, epoll)
    return {pid: sockets for pid, sockets in found.items() if sockets}


def _listening(process: ProcessRecording, epoll: Epoll) -> tuple[Socket, ...]:
    """The listening sockets that are in this epoll and that the process holds as well."""
    watched = {entry.inode for entry in epoll.entries}
    sockets = [one.socket for one in process.descriptors if one.socket and one.inode in watched]
    return tuple(socket for socket in sockets if socket.state == "LISTEN")


def _waits_for_nothing(process: ProcessRecording, inherited: int) -> bool:
    """Whether its only thread slept in its own loop in every look: no task, no timer, and no descriptor but its own."""
    if len(process.threads) != 1 or not process.samples or not process.task_looks:
        return False
    thread = process.threads[0]
    is_empty = all(not look.task_count and not look.callbacks for look in process.task_looks)
    own = [epoll for epoll in process.epolls if epoll.fd == thread.loop_epoll and epoll.fd != inherited]
    return is_empty and _sleeps_for_ever(process, thread) and bool(own) and all(_is_deaf(process, one) for one in own)


def _sleeps_for_ever(process: ProcessRecording, thread: ThreadUse) -> bool:
    looks = [look for sample in process.samples for look in sample.loops if look.tid == thread.tid]
    asleep = all(look.polls and look.poll_timeout_s == WITHOUT_LIMIT for look in looks)
    return len(looks) == len(process.samples) and asleep


def _is_deaf(process: ProcessRecording, epoll: Epoll) -> bool:
    """Whether nothing is in this epoll but one end of a pair of which the process has both: how it wakes itself."""
    held = {one.inode: one for one in process.descriptors}
    count = Counter(one.inode for one in process.descriptors)
    return all(_wakes_itself(held.get(entry.inode), count) for entry in epoll.entries)


def _wakes_itself(one: Descriptor | None, count: Counter[int]) -> bool:
    """The two ends of a pair of sockets are made together, and their inodes are neighbours."""
    if one is None or one.socket is None:
        return False
    is_pair = bool(count[one.inode - 1] or count[one.inode + 1])
    return one.socket.protocol == "unix" and is_pair and not one.socket.local and not one.socket.remote
