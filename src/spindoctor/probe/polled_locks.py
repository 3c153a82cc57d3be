"""Locks of files that Python code asks for again and again with a sleep between, as libraries of file locks do.

Whoever asks has the file's path at hand: in a variable of the functions between the sleep and the user's code, or in an
attribute of their `self`. The kernel lists who has a lock at that file (proc_locks(5)).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.locks import FILE_LOCK, Member, SharedLock
from spindoctor.model.origin import is_user
from spindoctor.model.sample import SLEEPS, SystemCall
from spindoctor.probe.asked_locks import further, sleeps_natively, sole_owners
from spindoctor.probe.file_locks import parse_rows
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pipes import Watched
from spindoctor.probe.proc import try_text

SELECTS = frozenset({"select", "pselect6"})
"""With nothing to wait for this is how `time.sleep` asks before Python 3.11 (`pysleep` in Modules/timemodule.c)."""

ASKS = re.compile(r"(^|[_.])(acquire|lock|obtain|claim)", re.IGNORECASE)
"""What functions that ask for a lock are called, in any library."""

MOST_FRAMES = 6
"""From the sleep outwards: a library's own way to it is no longer."""

APART_S = 0.35
"""To list the locks the kernel waits until nobody is changing any, some ten milliseconds: a look of ours each time."""

MOST_THREADS = 32
MOST_PATHS = 8
MOST_CHARACTERS = 512
DEPTH = 2
"""A lock keeps its path itself, or in an object of its own."""

MOST_KNOWN = 1024


@dataclass(frozen=True, slots=True)
class _Asker:
    member: Member
    inode: int
    path: str
    is_named: bool


class PolledLockReader:
    """Finds such locks; what a thread has at hand is read once for each way by which it came to its sleep."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._paths: dict[tuple[int, int], tuple[object, tuple[str, ...]]] = {}
        self._owners: dict[int, int] = {}
        self._next_s = 0.0

    def look(self, watched: Sequence[Watched]) -> tuple[SharedLock, ...]:
        """For each file at which one process has a lock: the threads that ask for it, where there are any."""
        sleeping = [(one, tid) for one in watched for tid in _sleeping(one)][:MOST_THREADS]
        files = [(one, tid, *file) for one, tid in sleeping for file in self._files(one, tid)]
        owners = self._read_owners() if files else {}
        askers: dict[Member, _Asker] = {}
        for one, tid, path, inode in files:
            if inode in owners and _may_ask(one, tid, owners[inode]):
                member = Member(one.pid, tid)
                askers.setdefault(member, _Asker(member, inode, path, _is_named(one.stacks[tid])))
        inodes = dict.fromkeys(one.inode for one in askers.values())
        known = {one.pid: one for one in watched}
        return tuple(_lock([one for one in askers.values() if one.inode == i], owners[i], known) for i in inodes)

    def _read_owners(self) -> dict[int, int]:
        """By a file's inode the only process that has a lock at it."""
        if time.monotonic() >= self._next_s:
            rows = parse_rows(try_text("/proc/locks"))
            self._owners = sole_owners(row for row in rows if not row.waits and row.pid > 0)
            self._next_s = time.monotonic() + APART_S
        return self._owners

    def _files(self, process: Watched, tid: int) -> list[tuple[str, int]]:
        """The files that a thread has the paths of, with their inodes."""
        found = ((path, _inode(process.pid, path)) for path in self._at_hand(process, tid))
        return [(path, inode) for path, inode in found if inode]

    def _at_hand(self, process: Watched, tid: int) -> tuple[str, ...]:
        frames = _asking(process.stacks[tid])
        way = tuple((raw.address, raw.code) for raw in frames)
        known = self._paths.get((process.pid, tid))
        if known and known[0] == way:
            return known[1]
        if len(self._paths) >= MOST_KNOWN:
            self._paths.clear()
        paths = tuple(dict.fromkeys(_paths(process.interpreter, frames)))[:MOST_PATHS]
        self._paths[process.pid, tid] = way, paths
        return paths


def _sleeping(process: Watched) -> Iterator[int]:
    return (tid for tid, look in process.looks.items() if sleeps_by_python(look.call) and process.stacks.get(tid))


def sleeps_by_python(call: SystemCall | None) -> bool:
    """Whether `time.sleep` put a thread to sleep."""
    if call is None or sleeps_natively(call):
        return False
    return call.name in SLEEPS or (call.name in SELECTS and call.arguments[:1] == (0,))


def _asking(frames: Sequence[RawFrame]) -> Sequence[RawFrame]:
    """From the sleep to the innermost function of the user's."""
    own = next((number for number, raw in enumerate(frames) if is_user(raw.frame)), len(frames))
    return frames[: min(own + 1, MOST_FRAMES)]


def _is_named(frames: Sequence[RawFrame]) -> bool:
    """Whether a library's function that asks for a lock, by its name, is what the user's has called."""
    asking = [raw for raw in _asking(frames) if not is_user(raw.frame)]
    return any(ASKS.search(raw.frame.function) for raw in asking)


def _may_ask(process: Watched, tid: int, owner: int) -> bool:
    """Whether a thread can be one that asks: where its own process has the lock, the user's sleep may be with it."""
    return owner != process.pid or not is_user(process.stacks[tid][0].frame)


def _paths(interpreter: Interpreter, frames: Iterable[RawFrame]) -> Iterator[str]:
    for raw in frames:
        try:
            variables = interpreter.locals(raw)
        except Misread:
            continue
        for name, address in variables.items():
            yield from _texts(interpreter, address, DEPTH if name == "self" else 0)


def _texts(interpreter: Interpreter, address: int, depth: int) -> Iterator[str]:
    """What may be a path: an object's text, or those in its attributes."""
    try:
        kind = interpreter.objects.type_name(address)
        if kind in {"str", "bytes"}:
            value = interpreter.objects.value(address, 0, MOST_CHARACTERS)
            text = os.fsdecode(value) if isinstance(value, str | bytes) else ""
            if text and "\0" not in text:
                yield text
        elif depth:
            for one in interpreter.objects.attributes(address).values():
                yield from _texts(interpreter, one, depth - 1)
    except (Misread, ValueError):
        return


def _inode(pid: int, path: str) -> int:
    """The inode of a file as the process sees it; 0 where there is none."""
    base = f"/proc/{pid}/root{path}" if path.startswith("/") else f"/proc/{pid}/cwd/{path}"
    try:
        return os.stat(base).st_ino
    except (OSError, ValueError):
        return 0


def _lock(askers: Sequence[_Asker], owner: int, known: Mapping[int, Watched]) -> SharedLock:
    members = tuple(one.member for one in askers)
    asking = {one.tid for one in members if one.pid == owner}
    there = known.get(owner)
    stacks = [known[one.pid].stacks[one.tid] for one in members]
    found = list(further(there, stacks, asking)) if there else []
    if there and len(there.stacks) == 1:
        found = list(there.stacks)
    holder = Member(owner, found[0] if len(found) == 1 else 0)
    kind = "polled" if all(one.is_named for one in askers) else "asked"
    return SharedLock(f"{kind} {askers[0].inode}", f"{FILE_LOCK} {askers[0].path}", members, holder)
