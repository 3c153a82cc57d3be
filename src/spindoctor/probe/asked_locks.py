"""Locks of files that are asked for again and again with a sleep between, as an embedded database does.

The kernel knows of nobody who waits for such a lock. What shows is a thread that native code puts to sleep, while a
process has a lock for writing at a file that the thread's own process has open once for each who asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import DoctorError
from spindoctor.model.locks import FILE_LOCK, Member, SharedLock
from spindoctor.model.origin import is_user
from spindoctor.model.sample import SystemCall
from spindoctor.probe.descriptors import find_descriptors
from spindoctor.probe.file_locks import MOST_DESCRIPTORS, Row, inode_of, parse_rows
from spindoctor.probe.pipes import Watched
from spindoctor.probe.proc import read_link, try_text

ABSOLUTE = 1
"""`TIMER_ABSTIME` of clock_nanosleep(2): how `time.sleep` asks since Python 3.11, before that by select(2)
(`pysleep` in Modules/timemodule.c). `usleep` and `nanosleep` of the C library ask for a time from now on."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file that a process has open, and how often."""

    path: str
    inode: int
    opened: int


def sleeps_natively(call: SystemCall | None) -> bool:
    """Whether native code put a thread to sleep, not `time.sleep`."""
    if call is None:
        return False
    is_relative = call.name == "clock_nanosleep" and len(call.arguments) > 1 and not call.arguments[1] & ABSOLUTE
    return is_relative or call.name == "nanosleep"


def asked_locks(watched: Sequence[Watched]) -> tuple[SharedLock, ...]:
    """For each process whose threads ask so: the lock, where there is just one that it can be."""
    asking = [(one, tids) for one in watched if (tids := _asking(one))]
    if not asking:
        return ()
    held = [row for row in parse_rows(try_text("/proc/locks")) if row.writes and not row.waits and row.pid > 0]
    found = [(process, tids, _locked(process.pid, len(tids), held)) for process, tids in asking]
    known = {one.pid: one for one in watched}
    return tuple(_lock(process, tids, locked, known) for process, tids, locked in found if locked)


def _asking(process: Watched) -> tuple[int, ...]:
    return tuple(tid for tid, look in process.looks.items() if look.stack and sleeps_natively(look.call))


def _locked(pid: int, askers: int, held: Iterable[Row]) -> tuple[_File, int] | None:
    """The only locked file that everybody who asks can have open, and the process that has the lock.

    The lock may lie in a file beside it (its name goes on after the other's), which a process opens once for all.
    """
    owners = sole_owners(held)
    files = _files(pid) if owners else []
    fitting = [
        (one, owners[one.inode])
        for one in files
        if one.inode in owners
        and max(other.opened for other in files if _is_beside(one, other)) >= askers + (owners[one.inode] == pid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def sole_owners(held: Iterable[Row]) -> dict[int, int]:
    """The inodes at which one process alone has a lock, and that process: inodes of other disks may be called alike."""
    pids: dict[int, set[int]] = {}
    for row in held:
        pids.setdefault(row.inode, set()).add(row.pid)
    return {inode: next(iter(its)) for inode, its in pids.items() if len(its) == 1}


def _is_beside(one: _File, other: _File) -> bool:
    """Whether a file is another, or is named after it: `app.db-shm`, `app.db.lock`."""
    rest = one.path.removeprefix(other.path)
    return one.path.startswith(other.path) and not rest[:1].isalnum() and "/" not in rest


def _files(pid: int) -> list[_File]:
    try:
        numbers = find_descriptors(pid)[:MOST_DESCRIPTORS]
    except DoctorError:
        return []
    links = ((fd, read_link(f"/proc/{pid}/fd/{fd}")) for fd in numbers)
    opened = Counter((path, inode_of(pid, fd)) for fd, path in links if path.startswith("/"))
    return [_File(path, inode, count) for (path, inode), count in opened.items()]


def _lock(
    process: Watched, tids: Collection[int], locked: tuple[_File, int], known: Mapping[int, Watched]
) -> SharedLock:
    file, owner = locked
    stacks = [process.stacks.get(tid, ()) for tid in tids]
    there = known.get(owner)
    passed = list(further(there, stacks, tids if owner == process.pid else ())) if there else []
    holder = Member(owner, passed[0] if len(passed) == 1 else 0)
    members = tuple(Member(process.pid, tid) for tid in tids)
    return SharedLock(f"asked {file.inode}", f"{FILE_LOCK} {file.path}", members, holder)


def further(process: Watched, asking: Sequence[tuple[RawFrame, ...]], but: Collection[int]) -> Iterator[int]:
    """The threads that stand behind the line in a function of the user's at which somebody still asks."""
    lines = {_function(raw): raw.frame.line for frames in asking for raw in _own(frames)}
    for tid, frames in process.stacks.items():
        passed = (raw.frame.line > lines.get(_function(raw), raw.frame.line) for raw in _own(frames))
        if tid not in but and any(passed):
            yield tid


def _function(raw: RawFrame) -> tuple[str, str]:
    return raw.frame.file, raw.frame.function


def _own(frames: Iterable[RawFrame]) -> Iterator[RawFrame]:
    return (raw for raw in frames if is_user(raw.frame) and raw.frame.function != "<module>")
