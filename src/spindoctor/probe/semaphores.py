"""Locks between processes (`multiprocessing.Lock` and `RLock`): who waits for them, in which process they are held.

Each process has an object of its own around a semaphore in shared memory. A copy that was made by a fork lies at the
same address in the child, others are found through the blocks and variables of the frames. The object says how often
its own process has taken it, and which thread did last (Modules/_multiprocessing/semaphore.c, `SemLockObject`; the same
from 3.8 to 3.15). glibc keeps the value in the first word of `sem_t` and sleeps there (sysdeps/nptl/internaltypes.h,
`struct new_sem`). All that is read is checked: it may be torn, or something else by now.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from spindoctor.cpython.contexts import Contexts, of_frames
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread
from spindoctor.model.locks import SHARED_LOCK, Member, SharedLock, Wait
from spindoctor.probe.pipes import Watched
from spindoctor.probe.proc import find_pids, parse_stat, read_bytes

SHARED = "_multiprocessing.SemLock"
HANDLE_AT, LAST_THREAD_AT, COUNT_AT, MOST_AT = 16, 24, 32, 36
"""`handle`, `last_tid`, `count` and `maxvalue`, behind reference count and type."""

VALUE = 0xFFFFFFFF
"""The value is the lower half of the semaphore's first word."""

INNER = "_semlock"
"""Where Lock and RLock keep that object (Lib/multiprocessing/synchronize.py)."""

MOST_NESTED = 1000
"""A lock that one process has taken more often is none: something else lies there."""

OUTER_FRAMES = 8
OWNERS_APART_S = 1.0
"""Who has mapped a semaphore is looked up again after a second: the maps of all processes are read."""

MAP = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) rw.s ([0-9a-f]+) (\S+ \d+)", re.MULTILINE)
"""A shared mapping: where it is, its place in the file, device and inode. In another root its path is another one."""

Key = tuple[str, int]
"""Device and inode of the file in shared memory, and the place in it."""

Mapped = tuple[int, int, int, str]
"""Start, end, place in the file, and its device and inode."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """What one process's object says: `holder` is the thread that has the lock, if one of this process has."""

    pid: int
    holder: int | None


def is_mutex(reader: Reader, address: int) -> bool:
    """Whether the object is a lock: a semaphore of which there is one.

    Raises:
        Misread: it cannot be read.
    """
    return reader.int32(address + MOST_AT) == 1


class SharedLockReader:
    """Reads locks of several processes of one service."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._maps: dict[int, list[Mapped]] = {}
        self._places: dict[Key, set[int]] = {}
        self._owners: dict[Key, tuple[float, frozenset[int] | None]] = {}

    def look(self, at_s: float, watched: Sequence[Watched]) -> tuple[SharedLock, ...]:
        """Every such lock that anybody waits for."""
        waiting: dict[Key, list[tuple[Watched, Wait]]] = {}
        for one in watched:
            for wait in one.waits:
                key = self._key(one, wait.target) if wait.kind == SHARED_LOCK else None
                if key:
                    self._places.setdefault(key, set()).add(wait.target)
                    waiting.setdefault(key, []).append((one, wait))
        return tuple(self._lock(at_s, key, found, watched) for key, found in waiting.items())

    def _lock(
        self, at_s: float, key: Key, found: Sequence[tuple[Watched, Wait]], watched: Sequence[Watched]
    ) -> SharedLock:
        copies = [copy for one in watched for copy in self._copies(one, key)]
        held = list(dict.fromkeys(Member(one.pid, one.holder) for one in copies if one.holder))
        waiters = tuple(Member(one.pid, wait.waiter.tid or 0) for one, wait in found)
        limited = tuple(member for member, (_, wait) in zip(waiters, found, strict=True) if wait.has_limit)
        is_abandoned = not held and _is_locked(*found[0]) and self._are_all(at_s, key, {one.pid for one in copies})
        holder = held[0] if len(held) == 1 else None
        name = f"{key[0]} +{key[1]:#x}"
        return SharedLock(name, found[0][1].type_name, waiters, holder, is_abandoned=is_abandoned, limited=limited)

    def _copies(self, one: Watched, key: Key) -> list[_Copy]:
        """The objects of one process that stand for this lock."""
        known = [copy for place in self._places[key] if (copy := self._copy(one, place, key))]
        if known:
            return known
        for place in _reached(one):
            if copy := self._copy(one, place, key):
                self._places[key].add(place)
                return [copy]
        return []

    def _copy(self, one: Watched, place: int, key: Key) -> _Copy | None:
        if self._key(one, place) != key:
            return None
        reader = one.interpreter.reader
        try:
            count, thread = reader.int32(place + COUNT_AT), reader.word(place + LAST_THREAD_AT)
        except Misread:
            return None
        if not 0 <= count <= MOST_NESTED:
            return None
        return _Copy(one.pid, one.roster.idents.get(thread) if count else None)

    def _key(self, one: Watched, place: int) -> Key | None:
        """Which lock the object at this place stands for; None where there is no such object."""
        try:
            is_one = one.interpreter.objects.type_name(place) == SHARED and is_mutex(one.interpreter.reader, place)
            handle = one.interpreter.reader.word(place + HANDLE_AT) if is_one else 0
        except Misread:
            return None
        return self._mapped(one.pid, handle) if handle else None

    def _mapped(self, pid: int, handle: int) -> Key | None:
        for is_fresh in (False, True):
            if is_fresh or pid not in self._maps:
                self._maps[pid] = _maps(pid) or []
            for start, end, offset, file in self._maps[pid]:
                if start <= handle < end:
                    return file, handle - start + offset
        return None

    def _are_all(self, at_s: float, key: Key, read: Collection[int]) -> bool:
        """Whether these are all processes that have the semaphore; False where that cannot be known."""
        known = self._owners.get(key)
        if known is None or at_s - known[0] > OWNERS_APART_S:
            known = self._owners[key] = (at_s, _owners(key[0]))
        return known[1] is not None and known[1] <= set(read)


def _is_locked(one: Watched, wait: Wait) -> bool:
    """Whether the semaphore's value is zero now: between two holders it is not."""
    reader = one.interpreter.reader
    try:
        return reader.word(reader.word(wait.target + HANDLE_AT)) & VALUE == 0
    except Misread:
        return False


def _reached(one: Watched) -> Iterator[int]:
    """The objects behind the locks that the frames of a process stand in or have in a variable."""
    objects = one.interpreter.objects
    contexts = Contexts(one.interpreter.reader, objects)
    for frames in one.stacks.values():
        held = [address for _, address in of_frames(contexts, frames)]
        for address in dict.fromkeys((*held, *_variables(one, frames[:OUTER_FRAMES]))):
            try:
                inner = objects.attributes(address).get(INNER)
            except Misread:
                continue
            if inner:
                yield inner


def _variables(one: Watched, frames: Sequence[RawFrame]) -> Iterator[int]:
    for raw in frames:
        try:
            yield from one.interpreter.locals(raw).values()
        except Misread:
            continue


def _maps(pid: int) -> list[Mapped] | None:
    """All shared memory that a process has mapped; None where that is not told."""
    try:
        text = read_bytes(f"/proc/{pid}/maps")
    except FileNotFoundError:
        return []
    except OSError:
        return None
    found = MAP.findall(text)
    return [(int(start, 16), int(end, 16), int(at, 16), file.decode()) for start, end, at, file in found]


def _owners(file: str) -> frozenset[int] | None:
    """All processes that have mapped a file of shared memory; None where one that may have it does not tell.

    The file has no name any more, so it is inherited: who was there before all that have it cannot have it.
    """
    maps = {pid: _maps(pid) for pid in find_pids()}
    owners = {pid for pid, found in maps.items() if found and any(one[3] == file for one in found)}
    first = min(map(_started, owners), default=0)
    silent = [pid for pid, found in maps.items() if found is None]
    return None if any(_started(pid) >= first for pid in silent) else frozenset(owners)


def _started(pid: int) -> int:
    """When a process was started, in clock ticks; 0 where it has ended."""
    try:
        return parse_stat(read_bytes(f"/proc/{pid}/stat")).start_ticks
    except (OSError, ValueError):
        return 0
