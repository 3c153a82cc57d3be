"""Locks of files (flock(2), fcntl(2)): who waits for them, and who has them.

The kernel lists all of them with those who wait (`/proc/locks`, proc_locks(5)): a line for each lock, and beneath it
one with an arrow for each that waits for it, with the process and the inode. It names processes, never threads: the one
who waits is asleep in the call itself; the one who has it is the process's only thread, or the only one in whose frames
the open file is at hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.errors import DoctorError
from spindoctor.model.locks import FILE_LOCK, Member, SharedLock
from spindoctor.model.sample import SystemCall
from spindoctor.probe.descriptors import find_descriptors
from spindoctor.probe.holders import Holders
from spindoctor.probe.pipes import Watched
from spindoctor.probe.proc import read_link, try_text

WAITS = frozenset({7, 38})
"""`F_SETLKW` and `F_OFD_SETLKW` of fcntl(2): the requests that wait (include/uapi/asm-generic/fcntl.h)."""

MOST_DESCRIPTORS = 2000
"""Of the process that has a lock; each costs a call of stat(2)."""

OF_NOBODY = -1
"""The process of a lock that belongs to an open file rather than to a process (`F_OFD_SETLK`)."""

PROCESSES = "POSIX"
"""The kind of a lock that belongs to a process; one by flock(2) goes with the open file to whoever inherits it."""

ARROW = "->"
FIELDS = 6
"""Up to the inode: number, kind, whether it binds, what for, process, device and inode."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: a lock, or somebody who waits for it.

    `writes`: a process has it for itself by fcntl(2), so that nobody else may have it meanwhile.
    """

    pid: int
    inode: int
    waits: bool
    writes: bool = True


def parse_locks(text: str) -> list[tuple[Row, ...]]:
    """Each lock that is waited for: who has it first, then those who wait."""
    groups: dict[str, list[Row]] = {}
    for number, row in _numbered(text):
        groups.setdefault(number, []).append(row)
    return [tuple(rows) for rows in groups.values() if len(rows) > 1 and not rows[0].waits]


def parse_rows(text: str) -> list[Row]:
    """Every lock, and everybody who waits for one."""
    return [row for _, row in _numbered(text)]


def _numbered(text: str) -> Iterator[tuple[str, Row]]:
    for line in text.splitlines():
        told = [one for one in line.split() if one != ARROW]
        inode = told[FIELDS - 1].rpartition(":")[2] if len(told) >= FIELDS else ""
        if inode.isdecimal() and told[4].lstrip("-").isdecimal():
            writes = (told[1], told[3]) == (PROCESSES, "WRITE")
            yield told[0], Row(int(told[4]), int(inode), waits=ARROW in line, writes=writes)


def waits_for_file(call: SystemCall | None) -> bool:
    """Whether a system call waits for a lock of a file."""
    if call is None or not call.arguments:
        return False
    return call.name == "flock" or (call.name == "fcntl" and len(call.arguments) > 1 and call.arguments[1] in WAITS)


@dataclass(frozen=True, slots=True)
class _Waiting:
    member: Member
    fd: int
    inode: int


class FileLockReader:
    """Reads locks of files of one service."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._holders: dict[int, Holders] = {}

    def look(self, watched: Sequence[Watched]) -> tuple[SharedLock, ...]:
        """Every lock of a file that a thread of these processes waits for, by its last look and by the kernel now."""
        waiting = [one for process in watched for one in _waiting(process)]
        if not waiting:
            return ()
        known = {one.pid: one for one in watched}
        groups = parse_locks(try_text("/proc/locks"))
        listed = {(row.pid, row.inode) for rows in groups for row in rows[1:]}
        still = [one for one in waiting if listed & {(one.member.pid, one.inode), (OF_NOBODY, one.inode)}]
        inodes = dict.fromkeys(one.inode for one in still)
        return tuple(self._lock([one for one in still if one.inode == inode], groups, known) for inode in inodes)

    def _lock(
        self, waiting: Sequence[_Waiting], groups: Iterable[tuple[Row, ...]], known: Mapping[int, Watched]
    ) -> SharedLock:
        inode, pids = waiting[0].inode, {one.member.pid for one in waiting}
        owners = {
            rows[0].pid
            for rows in groups
            if rows[0].inode == inode and any(row.pid in pids for row in rows[1:]) and rows[0].pid > 0
        }
        members = tuple(one.member for one in waiting)
        holder = self._holder(owners.pop(), waiting, known) if len(owners) == 1 else None
        path = read_link(f"/proc/{waiting[0].member.pid}/fd/{waiting[0].fd}")
        return SharedLock(f"file {inode}", f"{FILE_LOCK} {path}".strip(), members, holder)

    def _holder(self, pid: int, waiting: Sequence[_Waiting], known: Mapping[int, Watched]) -> Member | None:
        """The thread that has it; without a thread's id where the process is none of the service's.

        Nobody where the process has ended: the kernel goes on naming who took the lock, and it is whoever inherited the
        open file that keeps it.
        """
        process = known.get(pid)
        if process is None:
            return Member(pid, 0) if os.path.exists(f"/proc/{pid}") else None
        stacks = {tid: frames for tid, frames in process.stacks.items() if frames}
        if len(stacks) == 1:
            return Member(pid, next(iter(stacks)))
        holders = self._holders.setdefault(pid, Holders(process.interpreter))
        asleep = {one.member.tid for one in waiting if one.member.pid == pid}
        fds = list(_descriptors_of(pid, waiting[0].inode))
        found = [
            tid
            for tid, frames in stacks.items()
            if tid not in asleep and any(holders.has_at_hand(frames, fd) for fd in fds)
        ]
        return Member(pid, found[0]) if len(found) == 1 else None


def _waiting(process: Watched) -> Iterator[_Waiting]:
    """The threads of a process that are asleep in a call that waits for a lock of a file."""
    for tid, look in process.looks.items():
        if look.call and waits_for_file(look.call):
            fd = look.call.arguments[0]
            inode = inode_of(process.pid, fd)
            if inode:
                yield _Waiting(Member(process.pid, tid), fd, inode)


def _descriptors_of(pid: int, inode: int) -> Iterator[int]:
    """The descriptors of a process that are open at this file."""
    try:
        numbers = find_descriptors(pid)[:MOST_DESCRIPTORS]
    except DoctorError:
        return
    yield from (fd for fd in numbers if inode_of(pid, fd) == inode)


def inode_of(pid: int, fd: int) -> int:
    """The inode of an open file; 0 where it is closed by now."""
    try:
        return os.stat(f"/proc/{pid}/fd/{fd}").st_ino
    except OSError:
        return 0
