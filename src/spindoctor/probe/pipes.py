"""Pipes that nobody empties: children of the service that are stuck in one while the service waits for their end.

The children are found through `/proc/PID/task/TID/children`; where a thread of theirs waits to write into a pipe (or to
read from one), all processes that have the pipe's other end are looked for, once. Sources: proc_pid_task(5), pipe(7),
wait(2); `flags` in proc_pid_fdinfo(5) has the access mode of a descriptor.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import DoctorError, Forbidden, Misread
from spindoctor.model.locks import Party, SharedLock, Wait
from spindoctor.model.pipes import ChildWait, PipeLook, PipeWait
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.calls import parse_call
from spindoctor.probe.descriptors import find_descriptors, parse_descriptor, parse_epoll
from spindoctor.probe.holders import Holders
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.offspring import Offspring
from spindoctor.probe.proc import find_pids, find_tids, parse_status, read_link, try_bytes, try_text
from spindoctor.probe.roster import Roster
from spindoctor.probe.threads import parse_schedstat

WRITES = frozenset({"write", "writev", "pwritev"})
READS = frozenset({"read", "readv"})
WAITS = frozenset({"wait", "_wait", "join"})
"""Functions of an object with a `pid` that wait for the end of that process, whatever the library."""

MOST_CHILDREN = 64
KEPT_S = 1.0
"""Who has the ends of a pipe is looked up again after a second: all processes of the host are asked."""

MOST_OWN_SHARE = 0.01
"""Asking each thread for the children that it forked may take this part of our time."""

INNER_FRAMES = 8
FAULTS = (signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)
ACCESS_MODE, READ_ONLY, WRITE_ONLY = 3, os.O_RDONLY, os.O_WRONLY
PLAIN_SIGNALS = (1 << 31) - 1
"""The signals up to 31; those behind are the C library's own."""

OF_PYTHON = sum(1 << number - 1 for number in (signal.SIGINT, *FAULTS))
"""What Python handles by itself, and `faulthandler`."""

OF_PID, OF_PIDFD = 1, 3
"""`P_PID` and `P_PIDFD` of waitid(2)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One process of the service as the last quick look found it; `chains` are those of its tasks."""

    pid: int
    interpreter: Interpreter
    looks: Mapping[int, ThreadLook]
    stacks: Mapping[int, tuple[RawFrame, ...]]
    chains: Mapping[int, tuple[RawFrame, ...]]
    roster: Roster
    task_looks: list[TaskLook]

    @property
    def waits(self) -> tuple[Wait, ...]:
        """What the last slow look found to wait for what."""
        return self.task_looks[-1].waits if self.task_looks else ()


class PipeReader:
    """Looks below the processes of one service."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._ends: dict[tuple[int, bool], tuple[float, tuple[tuple[int, int], ...]]] = {}
        self._now_s = 0.0
        self._next_s = 0.0
        self._above: dict[int, tuple[int, ...]] = {}
        self._holders: dict[int, Holders] = {}
        self._offspring = Offspring()
        self._behind: dict[int, set[tuple[int, Party]]] = {}
        """By process the threads that wait for a lock of several processes which it has."""

    def look(self, at_s: float, watched: Sequence[Watched], locks: Sequence[SharedLock] = ()) -> PipeLook | None:
        """One look; None where there is no child at all. For `locks` threads of several processes wait."""
        self._now_s = at_s
        held = {one.holder.pid: one for one in locks if one.holder}
        self._behind = {pid: {(one.pid, Party(tid=one.tid)) for one in lock.waiters} for pid, lock in held.items()}
        if at_s >= self._next_s:
            before_s = time.thread_time()
            self._above = _descendants([one.pid for one in watched])
            self._offspring.note(self._above)
            self._next_s = at_s + (time.thread_time() - before_s) / MOST_OWN_SHARE
        above = self._above
        known = {one.pid: one for one in watched}
        own = tuple(wait for one in watched for wait in self._own(one, known))
        if not above:
            return PipeLook(at_s, own) if own else None
        pipes = [wait for pid in above for wait in self._stuck(pid, above[pid], known)]
        if not pipes:
            return PipeLook(at_s, own)
        waits = [wait for one in watched for wait in (*_child_waits(one, above), *self._pipe_waits(one, above))]
        return PipeLook(at_s, (*own, *pipes), tuple(waits))

    @property
    def short_lived(self) -> int:
        """How many forks of the service were seen to begin and are gone again."""
        return self._offspring.gone

    def _own(self, one: Watched, known: Mapping[int, Watched]) -> Iterator[PipeWait]:
        """The threads of a process of the service that read from a pipe into which only this process can write."""
        read = {
            tid: (fd, pipe) for tid, fd, pipe in _pipes_read(one) if tid in one.stacks and _may_write(one.pid, pipe)
        }
        for tid, (fd, pipe) in read.items():
            ends = self._other_ends(pipe, writes=False)
            if ends and {pid for pid, _ in ends} == {one.pid}:
                ran_ns, _, _ = parse_schedstat(try_bytes(f"/proc/{one.pid}/task/{tid}/schedstat"))
                readers = {Party(tid=other) for other, (_, what) in read.items() if what == pipe}
                attended = _unseen(one) or self._attended(ends, known, writes=False, waiting=readers)
                yield PipeWait(
                    one.pid, _name(one.pid), writes=False, fd=fd, pipe=pipe, ran_ns=ran_ns, attended=attended, tid=tid
                )

    def _pipe_waits(self, one: Watched, above: Mapping[int, tuple[int, ...]]) -> Iterator[ChildWait]:
        """The threads of a process that wait in a pipe of which one child alone has the other end."""
        for tid, look in one.looks.items():
            if look.call is None or look.call.name not in READS | WRITES or not look.call.arguments:
                continue
            writes = look.call.name in WRITES
            kind, pipe = parse_descriptor(read_link(f"/proc/{one.pid}/fd/{look.call.arguments[0]}"))
            ends = {pid for pid, _ in self._other_ends(pipe, writes=writes)} if kind == "pipe" and pipe else set[int]()
            others = ends - {one.pid}
            if len(others) == 1 and others <= above.keys():
                yield ChildWait(one.pid, Party(tid=tid), others.pop(), by="write" if writes else "read")

    def _stuck(self, pid: int, ancestors: tuple[int, ...], known: Mapping[int, Watched]) -> Iterator[PipeWait]:
        """The pipes in which the threads of a process wait, if all its threads are asleep."""
        calls = _calls(pid)
        if None in calls.values():
            return
        ran_ns = sum(parse_schedstat(try_bytes(f"/proc/{pid}/task/{tid}/schedstat"))[0] for tid in calls)
        for call in calls.values():
            if call is None or call.name not in WRITES | READS or not call.arguments:
                continue
            fd, writes = call.arguments[0], call.name in WRITES
            kind, pipe = parse_descriptor(read_link(f"/proc/{pid}/fd/{fd}"))
            if kind == "pipe" and pipe:
                ends = [end for end in self._other_ends(pipe, writes=writes) if end[0] != pid]
                others = tuple(dict.fromkeys(one for one, _ in ends))
                yield PipeWait(
                    pid,
                    _name(pid),
                    writes,
                    fd,
                    pipe,
                    ran_ns,
                    ancestors,
                    others,
                    self._attended(ends, known, writes=writes, behind=self._behind.get(pid, set())),
                    seen=tuple(one for one in others if one in known),
                    behind=tuple(sorted({one for one, _ in self._behind.get(pid, set())} - {pid})),
                )

    def _other_ends(self, pipe: int, *, writes: bool) -> tuple[tuple[int, int], ...]:
        """(process, descriptor) of all that read what is written into a pipe, or write what is read."""
        known = self._ends.get((pipe, writes))
        if known is None or self._now_s - known[0] > KEPT_S:
            unwanted = WRITE_ONLY if writes else READ_ONLY
            ends = [(pid, fd) for pid in find_pids() for fd in _descriptors_of(pid, pipe) if _mode(pid, fd) != unwanted]
            known = self._ends[pipe, writes] = (self._now_s, tuple(ends))
        return known[1]

    def _attended(
        self,
        ends: Iterable[tuple[int, int]],
        known: Mapping[int, Watched],
        *,
        writes: bool,
        waiting: set[Party] | None = None,
        behind: Collection[tuple[int, Party]] = (),
    ) -> str:
        """Why the other end may still be served; empty where nobody is there to do it.

        `waiting` are those who cannot do it; otherwise whoever waits for a child or in a pipe, or (`behind`) for a lock
        that who is stuck has, and who waits for such a thread to end.
        """
        waiters = {one.pid: waiting or _waiting(one, behind) for pid, _ in ends if (one := known.get(pid))}
        found = (self._attended_by(pid, fd, known.get(pid), waiters.get(pid, set()), writes=writes) for pid, fd in ends)
        return next(filter(None, found), "")

    def _attended_by(self, pid: int, fd: int, one: Watched | None, waiting: set[Party], *, writes: bool) -> str:
        served = _served(pid, fd, READS if writes else WRITES)
        if served or one is None:
            return served
        free = [frames for tid, frames in one.stacks.items() if tid in one.looks and Party(tid=tid) not in waiting]
        free += [frames for task, frames in one.chains.items() if Party(task=task) not in waiting]
        holders = self._holders.setdefault(pid, Holders(one.interpreter))
        if any(holders.has_at_hand(frames, fd) for frames in free):
            return f"another thread or task of pid {pid} has it at hand"
        if writes or len(one.stacks) == 1:
            return ""
        stuck = [one.stacks.get(wait.tid or 0) or one.chains.get(wait.task or 0, ()) for wait in waiting]
        is_private = any(holders.is_private(frames, fd) for frames in stuck)
        return "" if is_private else f"other threads of pid {pid} may write into it"


def _pipes_read(one: Watched) -> Iterator[tuple[int, int, int]]:
    """Thread, descriptor and pipe of those that wait in a read of one."""
    for tid, look in one.looks.items():
        if look.call and look.call.name in READS and look.call.arguments:
            kind, pipe = parse_descriptor(read_link(f"/proc/{one.pid}/fd/{look.call.arguments[0]}"))
            if kind == "pipe" and pipe:
                yield tid, look.call.arguments[0], pipe


def _may_write(pid: int, pipe: int) -> bool:
    return any(_mode(pid, fd) != READ_ONLY for fd in _descriptors_of(pid, pipe))


def _unseen(one: Watched) -> str:
    """Who may write into a pipe of a process without a sign that we could see; empty where nobody can."""
    if one.looks.keys() - one.stacks.keys():
        return f"a thread of pid {one.pid} without Python code may write into it"
    parent = int(parse_status(try_bytes(f"/proc/{one.pid}/status")).get("PPid", "0"))
    try:
        find_descriptors(parent)
    except Forbidden:
        return f"the descriptors of its parent, pid {parent}, may not be read"
    except DoctorError:
        pass
    return _signalled(one.pid)


def _signalled(pid: int) -> str:
    """Why a handler of a signal may write into a pipe of its own process; empty where it handles none of the kind."""
    caught = int(parse_status(try_bytes(f"/proc/{pid}/status")).get("SigCgt", "0"), 16)
    if caught & ~OF_PYTHON & PLAIN_SIGNALS:
        return f"a handler of a signal of pid {pid} may write into it"
    return ""


def _waiting(one: Watched, behind: Collection[tuple[int, Party]]) -> set[Party]:
    """The threads and tasks of a process that cannot serve a pipe: they wait for others."""
    found = {wait.waiter for wait in _child_waits(one, {})} | _in_pipes(one)
    found |= {party for pid, party in behind if pid == one.pid}
    return found | {wait.waiter for wait in one.waits if wait.kind == "join" and found.issuperset(wait.holders)}


def _in_pipes(one: Watched) -> set[Party]:
    """Threads that wait in a call that may be one on a pipe: they serve none but their own."""
    calls = READS | WRITES
    return {Party(tid=tid) for tid, look in one.looks.items() if look.call and look.call.name in calls}


def _descendants(pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """All processes below these, each with those above it up to one of these."""
    found: dict[int, tuple[int, ...]] = {}
    todo: list[tuple[int, tuple[int, ...]]] = [(child, (pid,)) for pid in pids for child in _children(pid)]
    while todo and len(found) < MOST_CHILDREN:
        pid, above = todo.pop()
        if pid not in found:
            found[pid] = above
            todo.extend((child, (pid, *above)) for child in _children(pid))
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for tid in find_tids(pid) for child in try_text(f"/proc/{pid}/task/{tid}/children").split()]
    except OSError:
        return []


def _calls(pid: int) -> dict[int, SystemCall | None]:
    """The system call of each thread; None for one that runs, nothing for a process that is gone or closed to us."""
    try:
        texts = {tid: try_bytes(f"/proc/{pid}/task/{tid}/syscall") for tid in find_tids(pid)}
    except OSError:
        return {}
    return {tid: parse_call(text) for tid, text in texts.items()}


def _name(pid: int) -> str:
    return try_text(f"/proc/{pid}/comm").strip() or str(pid)


def _descriptors_of(pid: int, pipe: int) -> list[int]:
    try:
        return [
            fd for fd in find_descriptors(pid) if parse_descriptor(read_link(f"/proc/{pid}/fd/{fd}")) == ("pipe", pipe)
        ]
    except DoctorError:
        return []


def _mode(pid: int, fd: int) -> int | None:
    """The access mode of a descriptor; None where it cannot be read."""
    text = try_text(f"/proc/{pid}/fdinfo/{fd}")
    flags = next((line.split()[1] for line in text.splitlines() if line.startswith("flags:")), "")
    return int(flags, 8) & ACCESS_MODE if flags else None


def _served(pid: int, fd: int, calls: frozenset[str]) -> str:
    """Whether a thread of the process is in such a call on the descriptor, or one of its epolls watches it."""
    for call in _calls(pid).values():
        if call and call.name in calls and call.arguments and call.arguments[0] == fd:
            return f"a thread of pid {pid} is in {call.name} on it"
    try:
        epolls = [
            one for one in find_descriptors(pid) if read_link(f"/proc/{pid}/fd/{one}") == "anon_inode:[eventpoll]"
        ]
    except DoctorError:
        return ""
    entries = [entry for one in epolls for entry in parse_epoll(try_text(f"/proc/{pid}/fdinfo/{one}"))]
    return f"an epoll of pid {pid} watches it" if any(entry.fd == fd for entry in entries) else ""


def _child_waits(one: Watched, above: Mapping[int, tuple[int, ...]]) -> Iterator[ChildWait]:
    """The threads and tasks of a process that wait for the end of a child."""
    ours = {_inner_pid(pid): pid for pid, ancestors in above.items() if one.pid in ancestors}
    for tid, look in one.looks.items():
        if look.call is None:
            continue
        frames = one.stacks.get(tid, ())
        named = _named_child(one, frames)
        if look.call.name in {"wait4", "waitid"}:
            child = _awaited(one.pid, look.call) or named
            yield ChildWait(one.pid, Party(tid=tid), ours.get(child, child) if child else None)
        elif named:
            yield ChildWait(one.pid, Party(tid=tid), ours.get(named, named), has_limit=True)
    for task, frames in one.chains.items():
        named = _named_child(one, frames)
        if named:
            yield ChildWait(one.pid, Party(task=task), ours.get(named, named))


def _awaited(pid: int, call: SystemCall) -> int | None:
    """The child that a wait4 or waitid names; None for any."""
    first, second = (*call.arguments, 0, 0)[:2]
    if call.name == "wait4":
        return first if 0 < first < 1 << 31 else None
    if first == OF_PIDFD:
        text = try_text(f"/proc/{pid}/fdinfo/{second}")
        number = next((line.split()[1] for line in text.splitlines() if line.startswith("Pid:")), "0")
        return int(number) if number.isdecimal() else None
    return second if first == OF_PID else None


def _inner_pid(pid: int) -> int:
    """The pid as the process itself sees it (`NSpid` in proc_pid_status(5))."""
    numbers = parse_status(try_bytes(f"/proc/{pid}/status")).get("NSpid", "").split()
    return int(numbers[-1]) if numbers else pid


def _named_child(one: Watched, frames: Sequence[RawFrame]) -> int | None:
    """The `pid` of the object whose function `wait` or `join` these frames are in."""
    for raw in frames[:INNER_FRAMES]:
        if raw.frame.function.rpartition(".")[2] not in WAITS:
            continue
        try:
            holder = one.interpreter.locals(raw).get("self")
            held = one.interpreter.objects.attributes(holder) if holder else {}
            number = next((held[name] for name in ("pid", "_pid") if name in held), None)
            value = one.interpreter.objects.value(number) if number else None
        except Misread:
            continue
        if isinstance(value, int) and value > 0:
            return value
    return None
