"""What the kernel knows of a process's threads: names, CPU, switches, waits, and the system call they are in.

Sources: proc_pid_stat(5), proc_pid_status(5), proc_pid_task(5) and Documentation/scheduler/sched-stats.rst
(`/proc/PID/schedstat`: nanoseconds on a CPU, nanoseconds runnable without one, slices).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import SystemCall
from spindoctor.probe.calls import parse_call
from spindoctor.probe.failures import forbidden, gone
from spindoctor.probe.kept import KeptFiles
from spindoctor.probe.proc import TICK_S, Stat, find_tids, parse_stat, parse_status, read_bytes, try_bytes

_NS = 1_000_000_000
_TICK_NS = int(TICK_S * _NS)
_FIRST_LINKS = 2
"""A directory's own two links; `/proc/PID/task` adds one for each thread (fs/proc/base.c, proc_task_getattr)."""


@dataclass(frozen=True, slots=True)
class ThreadCounters:
    """One reading of a thread's counters, all since the thread's start.

    `ran_ns` is exact CPU time, `user_ticks` and `system_ticks` count in `TICK_S`. `queue_wait_ns` is time runnable
    without a CPU. Both nanosecond figures are 0 on kernels without scheduler statistics.
    """

    tid: int
    name: str
    state: str
    start_ticks: int
    user_ticks: int
    system_ticks: int
    ran_ns: int
    queue_wait_ns: int
    voluntary: int
    involuntary: int
    last_cpu: int

    @property
    def cpu_s(self) -> float:
        """CPU time in seconds, from the finer of the two clocks."""
        return self.ran_ns / _NS if self.ran_ns else (self.user_ticks + self.system_ticks) * TICK_S


def parse_schedstat(data: bytes) -> tuple[int, int, int]:
    """Nanoseconds on a CPU, nanoseconds runnable without one, and slices run; zeros for an empty text."""
    fields = data.split()
    return (int(fields[0]), int(fields[1]), int(fields[2])) if len(fields) > 2 else (0, 0, 0)  # noqa: PLR2004


def read_threads(pid: int) -> dict[int, ThreadCounters]:
    """The counters of all threads, by kernel id; about 40 us a thread.

    Raises:
        Gone: the process does not exist.
    """
    counters = {}
    for tid in _tids(pid):
        try:
            counters[tid] = _read_thread(f"/proc/{pid}/task/{tid}/", tid)
        except (OSError, ValueError):
            continue  # it has ended since we listed it: its use stays in the process's own counters
    return counters


def _tids(pid: int) -> list[int]:
    try:
        return find_tids(pid)
    except OSError as error:
        raise gone(pid) from error


def _read_thread(folder: str, tid: int) -> ThreadCounters:
    stat = parse_stat(read_bytes(folder + "stat"))
    status = parse_status(read_bytes(folder + "status"))
    ran_ns, wait_ns, _ = parse_schedstat(try_bytes(folder + "schedstat"))
    return _thread_counters(tid, stat, status, ran_ns, wait_ns)


def _thread_counters(tid: int, stat: Stat, status: Mapping[str, str], ran_ns: int, wait_ns: int) -> ThreadCounters:
    return ThreadCounters(
        tid=tid,
        name=stat.name,
        state=stat.state,
        start_ticks=stat.start_ticks,
        user_ticks=stat.user_ticks,
        system_ticks=stat.system_ticks,
        ran_ns=ran_ns,
        queue_wait_ns=wait_ns,
        voluntary=int(status.get("voluntary_ctxt_switches", 0)),
        involuntary=int(status.get("nonvoluntary_ctxt_switches", 0)),
        last_cpu=stat.last_cpu,
    )


def thread_use(
    before: Mapping[int, ThreadCounters],
    after: Mapping[int, ThreadCounters],
    names: Mapping[int, str] | None = None,
) -> tuple[ThreadUse, ...]:
    """What each thread that is there at the end used between two readings, busiest first.

    A thread that was not there at the beginning counts from its start. `names` are Python's names by kernel id; the
    kernel's name stands in for a missing one.
    """
    uses = [_use(before.get(tid), now, (names or {}).get(tid, now.name)) for tid, now in after.items()]
    return tuple(sorted(uses, key=lambda use: -use.cpu_s))


def _use(before: ThreadCounters | None, now: ThreadCounters, name: str) -> ThreadUse:
    if before is None or before.start_ticks != now.start_ticks:
        before = _UNBORN
    user, system = now.user_ticks - before.user_ticks, now.system_ticks - before.system_ticks
    total_s = (now.ran_ns - before.ran_ns) / _NS if now.ran_ns else (user + system) * TICK_S
    system_s = total_s * _system_share(user, system, now)
    return ThreadUse(
        tid=now.tid,
        name=name,
        kernel_name=now.name,
        user_s=total_s - system_s,
        system_s=system_s,
        voluntary=now.voluntary - before.voluntary,
        involuntary=now.involuntary - before.involuntary,
        queue_wait_s=(now.queue_wait_ns - before.queue_wait_ns) / _NS,
    )


_UNBORN = ThreadCounters(0, "", "", 0, 0, 0, 0, 0, 0, 0, 0)


def _system_share(user_ticks: int, system_ticks: int, now: ThreadCounters) -> float:
    """How much of the CPU time was system time: by the ticks of the look, by the thread's whole life if it had none."""
    if user_ticks + system_ticks <= 0:
        user_ticks, system_ticks = now.user_ticks, now.system_ticks
    return system_ticks / (user_ticks + system_ticks) if user_ticks + system_ticks > 0 else 0.0


class ThreadClock:
    """How much CPU each thread of a process has used, cheap enough to be asked at every look.

    A thread that runs without a break is counted up to its last scheduler tick (1 to 10 ms).
    `is_coarse` is True on a kernel without scheduler statistics: then the figures grow in steps of a clock tick (10 ms)
    and slices are 0.
    """

    def __init__(self, pid: int) -> None:
        """Start on a process.

        Raises:
            Gone: the process does not exist.
        """
        self._pid = pid
        self._tids: list[int] = _tids(pid)
        self._folder = os.open(f"/proc/{pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.is_coarse = not _has_scheduler_statistics(pid, self._tids)
        self._files = KeptFiles(pid, "stat" if self.is_coarse else "schedstat")
        self._read = _coarse_clock if self.is_coarse else _exact_clock

    def look(self) -> dict[int, tuple[int, int]]:
        """For each thread by kernel id: nanoseconds of CPU used, and slices run, since its start.

        Raises:
            Gone: the process has ended.
        """
        if os.fstat(self._folder).st_nlink != len(self._tids) + _FIRST_LINKS:
            self._list_again()
        clocks = self.look_at(self._tids)
        if len(clocks) < len(self._tids):
            self._list_again()
            clocks = self.look_at(self._tids)
        if not clocks:
            raise gone(self._pid)
        return clocks

    def look_at(self, tids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """The same for some threads; those that have ended are left out."""
        clocks: dict[int, tuple[int, int]] = {}
        for tid in tids:
            try:
                clocks[tid] = self._read(self._files.read(tid))
            except (OSError, ValueError):
                self._files.drop(tid)
        return clocks

    def _list_again(self) -> None:
        there = _tids(self._pid)
        for tid in set(self._tids) - set(there):
            self._files.drop(tid)
        self._tids = there

    def close(self) -> None:
        """Close all files kept open."""
        self._files.close()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_scheduler_statistics(pid: int, tids: Iterable[int]) -> bool:
    """Whether any thread shows a figure: a thread that exists has run."""
    return any(parse_schedstat(try_bytes(f"/proc/{pid}/task/{tid}/schedstat"))[0] for tid in tids)


def _exact_clock(data: bytes) -> tuple[int, int]:
    ran, _, slices = data.split()
    return int(ran), int(slices)


def _coarse_clock(data: bytes) -> tuple[int, int]:
    return parse_stat(data).cpu_ticks * _TICK_NS, 0


class ThreadCalls:
    """The system calls that threads wait in, cheap enough to be asked at every look; about 3 us a thread."""

    def __init__(self, pid: int) -> None:
        """Start on a process; nothing is opened yet."""
        self._pid = pid
        self._files = KeptFiles(pid, "syscall")
        self._parsed: dict[bytes, SystemCall | None] = {}

    def look(self, tids: Iterable[int]) -> dict[int, SystemCall | None]:
        """The call of each of these threads: None while it runs; threads that have ended are left out.

        Raises:
            Forbidden: the kernel shows them only to those who may trace the process (ptrace(2)).
        """
        calls = {}
        for tid in tids:
            try:
                calls[tid] = self.parse(self._files.read(tid))
            except PermissionError as error:
                raise forbidden(self._pid, "the system calls of the threads") from error
            except OSError:
                self._files.drop(tid)
        return calls

    def parse(self, text: bytes) -> SystemCall | None:
        """A thread that waits shows the same text in look after look."""
        if text not in self._parsed:
            if len(self._parsed) > _PARSED_MOST:
                self._parsed.clear()
            self._parsed[text] = parse_call(text)
        return self._parsed[text]

    def close(self) -> None:
        """Close all files kept open."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_PARSED_MOST = 10_000
"""Bounds our own memory: arguments such as deadlines change with every call."""


def read_call(pid: int, tid: int) -> SystemCall | None:
    """The system call that a thread waits in; None while it runs, or where it has ended.

    Raises:
        Forbidden: the kernel shows it only to those who may trace the process (ptrace(2)).
    """
    with ThreadCalls(pid) as calls:
        return calls.look((tid,)).get(tid)


def read_native_ids(pid: int) -> dict[int, int]:
    """Kernel ids as the process itself sees them (its innermost pid namespace) -> as we see them.

    The interpreter keeps the former in `native_thread_id`. pid_namespaces(7), `NSpid` in proc_pid_status(5).

    Raises:
        Gone: the process does not exist.
    """
    tids = _tids(pid)
    if len(_namespace_ids(pid, pid)) <= 1:  # our own namespace (or a kernel before 4.1, which does not tell)
        return {tid: tid for tid in tids}
    seen = {tid: _namespace_ids(pid, tid) for tid in tids}
    return {int(ids[-1]): tid for tid, ids in seen.items() if ids}


def _namespace_ids(pid: int, tid: int) -> list[str]:
    return parse_status(try_bytes(f"/proc/{pid}/task/{tid}/status")).get("NSpid", "").split()
