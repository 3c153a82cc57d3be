"""The state of the few descriptors that a busy thread is told of again and again, some five times a second.

Is anything read from them? A connection's counters and queues tell it, whoever reads and however.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from spindoctor.model.process import Descriptor, EpollEntry, Socket
from spindoctor.model.watching import WRITABLE, Poll, Pulse
from spindoctor.probe.descriptors import find_descriptors, parse_descriptor, read_epolls
from spindoctor.probe.proc import find_pids, read_link, try_text
from spindoctor.probe.sockdiag import SocketDiagnosis, SocketState
from spindoctor.probe.sockets import SocketTables, read_sockets

PULSES_PER_S = 5.0
MOST_DESCRIPTORS = 4
MOST_SUSPECTS = 8
MOST_ENTRIES = 64
"""Entries of an epoll whose states are asked for one by one."""

MIN_TOLD = 3
MOST_OFTEN = 0.5
"""A descriptor that is not in half of the answers keeps nobody awake."""

TABLES_APART_S = 1.0
"""The kernel's tables cost up to 14 ms to read; a single socket's diagnosis costs nothing worth speaking of."""

ACCESS_MODE = 3
READ_ONLY = 0
COUNTS = {"eventfd-count": 16, "ticks": 10}
"""Lines of fdinfo that say what waits to be read, with the base of their numbers (fs/eventfd.c, fs/timerfd.c)."""


class PulseWatch:
    """Follows descriptors of one process. `pulses` are what has been read so far."""

    def __init__(self, pid: int) -> None:
        """Nothing is read before the first pulse."""
        self._pid = pid
        self._told: dict[int, Counter[int]] = {}
        self._shown: Counter[int] = Counter()
        self._asked: dict[int, tuple[tuple[int, int], ...]] = {}
        self._suspects: tuple[int, ...] | None = None
        self._next_s: dict[int, float] = {}
        self._diagnosis: SocketDiagnosis | None = None
        self._sockets: dict[int, Socket] = {}
        self._closed: dict[int, int] = {}
        self._unlisted: set[int] = set()
        """Sockets in none of the tables, which hold what is bound or connected (net/ipv4/inet_hashtables.c)."""

        self._tables_s = -TABLES_APART_S
        self.pulses: list[Pulse] = []

    def note(self, tid: int, poll: Poll | None) -> None:
        """Add up what a thread's selector told."""
        if poll is None:
            return
        if poll.events:
            self._shown[tid] += 1
            self._told.setdefault(tid, Counter()).update({fd for fd, _ in poll.events})
        self._asked[tid] = poll.asked or self._asked.get(tid, ())

    def follow(self, at_s: float, tid: int) -> list[int]:
        """Take the pulse of this thread's descriptors where it is time; which they are."""
        if at_s < self._next_s.get(tid, 1 / PULSES_PER_S):
            return []
        self._next_s[tid] = at_s + 1 / PULSES_PER_S
        chosen = self._chosen(tid)
        counts = _thread_io(self._pid, tid) if chosen else (None, None)
        read, written = counts
        self.pulses.extend(replace(self._pulse(at_s, tid, fd), read_bytes=read, written_bytes=written) for fd in chosen)
        return list(chosen)

    def _chosen(self, tid: int) -> Sequence[int]:
        shown = self._shown[tid]
        if shown >= MIN_TOLD:
            most = self._told[tid].most_common(MOST_DESCRIPTORS)
            return [fd for fd, count in most if count >= MOST_OFTEN * shown]
        if self._asked.get(tid):
            return list(dict.fromkeys(fd for fd, _ in self._asked[tid]))[:MOST_SUSPECTS]
        return self._find_suspects() if not shown else ()

    def _find_suspects(self) -> tuple[int, ...]:
        """Entries of the process's epolls that have something to say, where no selector of Python's shows one."""
        if self._suspects is None:
            entries = [entry for epoll in read_epolls(self._pid, _epolls(self._pid)) for entry in epoll.entries]
            self._learn({entry.inode for entry in entries[:MOST_ENTRIES]})
            self._suspects = tuple(entry.fd for entry in entries[:MOST_ENTRIES] if self._is_suspect(entry))
        return self._suspects[:MOST_SUSPECTS]

    def _learn(self, inodes: set[int]) -> None:
        """Find the two ends of these sockets, all in one reading of the kernel's tables."""
        found = read_sockets(self._pid, inodes, SocketTables())
        self._sockets |= found
        self._unlisted = (self._unlisted | inodes) - found.keys()

    def _is_suspect(self, entry: EpollEntry) -> bool:
        pulse = self._pulse(0.0, 0, entry.fd)
        waits = bool(pulse.queued) or pulse.is_alone is True or pulse.state in {"CLOSE_WAIT", "CLOSE"}
        return waits or bool(entry.events & WRITABLE) or pulse.kind in {"pipe", "closed"}

    def _pulse(self, at_s: float, tid: int, fd: int) -> Pulse:
        link = read_link(f"/proc/{self._pid}/fd/{fd}")
        kind, inode = parse_descriptor(link) if link else ("closed", 0)
        if kind == "closed":
            return Pulse(at_s, tid, fd, kind, self._closed_inode(fd))
        if kind != "socket":
            return Pulse(at_s, tid, fd, kind, inode, link, queued=_count(try_text(f"/proc/{self._pid}/fdinfo/{fd}")))
        known, state = self._socket(inode, at_s)
        told = state or SocketState(known.state if known else "")
        if inode in self._unlisted and _is_tcp(self._pid, fd):
            told = SocketState("CLOSE", is_alone=True)
        return Pulse(
            at_s=at_s,
            tid=tid,
            fd=fd,
            kind=kind,
            inode=inode,
            path=link,
            socket=known,
            state=told.state,
            queued=told.queued,
            unsent=told.unsent,
            received=told.received,
            sent=told.sent,
            is_alone=told.is_alone,
        )

    def _closed_inode(self, fd: int) -> int:
        """What an epoll still watches under a number that is closed here; 0 where none does.

        Who has a new connection under this number by now has closed nothing that is still watched.
        """
        if fd not in self._closed:
            entries = [entry for epoll in read_epolls(self._pid, _epolls(self._pid)) for entry in epoll.entries]
            watched = next((entry.inode for entry in entries if entry.fd == fd), 0)
            self._closed[fd] = 0 if read_link(f"/proc/{self._pid}/fd/{fd}") else watched
        return self._closed[fd]

    def _socket(self, inode: int, at_s: float) -> tuple[Socket | None, SocketState | None]:
        """What is known of a socket: its two ends, and its state now or when the tables were last read."""
        if self._diagnosis is None:
            self._diagnosis = SocketDiagnosis()
        known = self._sockets.get(inode)
        state = self._diagnosis.ask(known) if known else None
        if state is None and at_s - self._tables_s >= TABLES_APART_S:
            self._tables_s = at_s
            self._learn({inode})
            known = self._sockets.get(inode)
            state = self._diagnosis.ask(known) if known else None
            if known and state is None:
                state = SocketState(known.state, known.receive_queue_bytes, known.send_queue_bytes)
        return known, state

    def close(self) -> None:
        """Close what is kept open."""
        if self._diagnosis is not None:
            self._diagnosis.close()

    def finish(self) -> tuple[Pulse, ...]:
        """All pulses; of pipes with whether any process can write to them, of closed descriptors with who has them."""
        pipes = {one.inode: f"pipe:[{one.inode}]" for one in self.pulses if one.kind == "pipe"}
        closed = {one.inode: f"socket:[{one.inode}]" for one in self.pulses if one.kind == "closed" and one.inode}
        if not pipes and not closed:
            return tuple(self.pulses)
        holders, is_whole = find_holders({*pipes.values(), *closed.values()})
        written = {inode: any(can_write for _, can_write in holders[link]) for inode, link in pipes.items()}
        alone = {inode for inode, is_written in written.items() if is_whole and not is_written}
        owners = {inode: tuple(dict.fromkeys(pid for pid, _ in holders[link])) for inode, link in closed.items()}
        return tuple(
            replace(one, owners=owners.get(one.inode, ()))
            if one.kind == "closed"
            else replace(one, is_alone=True if one.kind == "pipe" and one.inode in alone else one.is_alone)
            for one in self.pulses
        )


def _epolls(pid: int) -> list[Descriptor]:
    links = ((fd, read_link(f"/proc/{pid}/fd/{fd}")) for fd in find_descriptors(pid))
    return [Descriptor(fd, "epoll", 0, link) for fd, link in links if parse_descriptor(link)[0] == "epoll"]


def _is_tcp(pid: int, fd: int) -> bool:
    """Whether a socket is one of TCP, as the kernel names it (net/socket.c, `sockfs_xattr_get`)."""
    try:
        return os.getxattr(f"/proc/{pid}/fd/{fd}", "system.sockprotoname").rstrip(b"\0") in {b"TCP", b"TCPv6"}
    except OSError:
        return False


def _count(fdinfo: str) -> int | None:
    """What an eventfd or a timerfd has to be read."""
    for line in fdinfo.splitlines():
        name, _, value = line.partition(":")
        if name in COUNTS:
            return int(value.strip(), COUNTS[name])
    return None


def _thread_io(pid: int, tid: int) -> tuple[int | None, int | None]:
    """Bytes that a thread has put through read(2) and write(2) and their kin; None where the kernel does not say."""
    lines = dict(line.split(": ") for line in try_text(f"/proc/{pid}/task/{tid}/io").splitlines() if ": " in line)
    read, written = lines.get("rchar"), lines.get("wchar")
    return (int(read) if read else None), (int(written) if written else None)


def find_holders(links: Collection[str]) -> tuple[dict[str, list[tuple[int, bool]]], bool]:
    """Who has these pipes and sockets ("pipe:[4711]") open, as (pid, may write to it); and whether all could be seen.

    Reads the descriptors of all processes: some 5 us each.
    """
    found: dict[str, list[tuple[int, bool]]] = {link: [] for link in links}
    is_whole = True
    for pid in find_pids():
        try:
            fds = os.listdir(f"/proc/{pid}/fd")
        except PermissionError:
            is_whole = False
            continue
        except OSError:
            continue
        for fd in fds:
            if (link := read_link(f"/proc/{pid}/fd/{fd}")) in found:
                found[link].append((pid, _can_write(pid, fd)))
    return found, is_whole


def _can_write(pid: int, fd: str) -> bool:
    flags = next((line for line in try_text(f"/proc/{pid}/fdinfo/{fd}").splitlines() if line.startswith("flags:")), "")
    return bool(flags) and int(flags.split()[1], 8) & ACCESS_MODE != READ_ONLY
