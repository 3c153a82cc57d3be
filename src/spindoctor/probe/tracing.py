"""`--trace`: how many system calls of which kind each thread makes and how many fail, as the kernel counts them.

Everything else in this room samples. Counting is exact, and slows the target while it lasts (on the order of three
tenths of a microsecond for each of its calls), so it is done only where it was asked for.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from spindoctor.errors import DoctorError, Gone
from spindoctor.model.calls import CallCounts
from spindoctor.probe import permission
from spindoctor.probe.bpf import MOST_KINDS, NUMBERS, CallCounter
from spindoctor.probe.calls import MACHINE, name_of
from spindoctor.probe.threads import ThreadCounters, read_threads

SPAN_S = 0.5
"""What spins makes thousands of calls in it, and what waits is slowed for a moment only."""

HOST_PIDS = "pid:[4026531836]"
"""The namespace in which the kernel itself counts pids (PROC_PID_INIT_INO, include/linux/proc_ns.h)."""

_REASONS: Mapping[int, str] = {
    errno.EPERM: "we lack CAP_BPF with CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN), or a sandbox forbids bpf(2)",
    errno.EACCES: "a security module forbids bpf(2)",
    errno.ENOSYS: "this kernel or sandbox has no bpf(2)",
    errno.EINVAL: "this kernel has no raw tracepoints (Linux 4.17, CONFIG_BPF_EVENTS)",
    errno.ENOENT: "this kernel has no tracepoints sys_enter and sys_exit (CONFIG_FTRACE_SYSCALLS)",
}


class CallTracer:
    """Counts the system calls of some processes."""

    def __init__(self, pids: Sequence[int], namespace: str | None = None) -> None:
        """Get ready; `namespace` is that of our pids unless given.

        Raises:
            DoctorError: they cannot be counted here; the hint says what it takes.
        """
        ours = os.readlink("/proc/self/ns/pid") if namespace is None else namespace
        if MACHINE not in NUMBERS:
            raise refusal(f"bpf(2) is not known to us on {MACHINE}")
        if ours != HOST_PIDS:
            raise refusal("the kernel counts by the host's pids, which are not known in this container")
        self._pids = tuple(pids)
        try:
            self._counter = CallCounter(self._pids)
        except OSError as error:
            raise refusal(_REASONS.get(error.errno or 0, str(error))) from error

    def close(self) -> None:
        """Leave nothing behind."""
        self._counter.close()

    def count(
        self, seconds: float = SPAN_S, sleep: Callable[[float], None] = time.sleep
    ) -> dict[int, tuple[CallCounts, ...]]:
        """Count for a span; by process the threads that were there all the while, the one with most calls first."""
        with self._counter.counting():
            start_s, before = time.monotonic(), self._threads()
            sleep(seconds)
            after, passed_s = self._threads(), time.monotonic() - start_s
        counts, failures = self._counter.counts(), self._counter.failures()
        found = by_process(counts, before, after, passed_s, failures)
        if not self._counter.is_full():
            return found
        return {pid: tuple(replace(one, is_whole=False) for one in each) for pid, each in found.items()}

    def _threads(self) -> dict[int, dict[int, ThreadCounters]]:
        found: dict[int, dict[int, ThreadCounters]] = {}
        for pid in self._pids:
            try:
                found[pid] = read_threads(pid)
            except Gone:
                continue
        return found


Threads = Mapping[int, Mapping[int, ThreadCounters]]


def by_process(
    counts: Mapping[tuple[int, int], int],
    before: Threads,
    after: Threads,
    seconds: float,
    failures: Mapping[tuple[int, int, int], int] = MappingProxyType({}),
) -> dict[int, tuple[CallCounts, ...]]:
    """Join what was counted by (thread, call) to the threads that two readings found; pure."""
    is_whole = len(counts) + len(failures) < MOST_KINDS - len({tid for tid, _ in counts})
    calls: dict[int, list[tuple[str, int]]] = {}
    for (tid, number), count in counts.items():
        calls.setdefault(tid, []).append((name_of(number), count))
    failed: dict[int, list[tuple[str, str, int]]] = {}
    for (tid, number, error), count in failures.items():
        told = (name_of(number), errno.errorcode.get(error, f"error {error}"), count)
        failed.setdefault(tid, []).append(told)
    found = {}
    for pid, threads in after.items():
        there = [(tid, now, before[pid][tid]) for tid, now in threads.items() if tid in before.get(pid, {})]
        each = [
            CallCounts(
                tid=tid,
                seconds=seconds,
                calls=tuple(sorted(calls.get(tid, []), key=lambda one: -one[1])),
                sleeps=now.voluntary - then.voluntary,
                is_whole=is_whole,
                failures=tuple(sorted(failed.get(tid, []), key=lambda one: -one[2])),
            )
            for tid, now, then in there
        ]
        found[pid] = tuple(sorted(each, key=lambda one: -sum(count for _, count in one.calls)))
    return found


def refusal(why: str) -> DoctorError:
    """That system calls cannot be counted, and what would be needed for it here."""
    return DoctorError(f"system calls cannot be counted: {why}", f"{_needed()} Without --trace they are sampled.")


def _needed() -> str:
    container = permission.find_container()
    if container is not None:
        return (
            "On the host, as root, the same command counts them; a container needs the host's pids and the rights "
            "(docker run --pid=host --cap-add=BPF --cap-add=PERFMON --cap-add=SYS_PTRACE)."
        )
    if os.geteuid():
        return f"Run it as root: sudo {permission.own_command()} {permission.own_arguments()}".rstrip() + "."
    return "It takes root outside of any sandbox, on a kernel with CONFIG_BPF_EVENTS and CONFIG_FTRACE_SYSCALLS."
