"""The machine during a look: cores, what the kernel grants the process, who else used them, memory.

Two readings and their difference. Sources: proc_stat(5), proc_loadavg(5), proc_meminfo(5),
Documentation/accounting/psi.rst,
Documentation/admin-guide/sysctl/fs.rst (file-nr).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from spindoctor.model.process import Machine
from spindoctor.probe.cgroups import Cgroup, parse_stall, read_cgroup
from spindoctor.probe.proc import TICK_S, try_text

_KIB = 1024
_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq; guest time is part of user (proc_stat(5))
_IOWAIT = 4
_STEAL = 7


@dataclass(frozen=True, slots=True)
class MachineReading:
    """One reading. `at_s` is the monotonic clock's; `cpu_ticks` the machine's "cpu" line of /proc/stat."""

    at_s: float
    affinity_cores: int
    cores: int
    cpu_ticks: tuple[int, ...] = ()
    cgroup: Cgroup = field(default_factory=Cgroup)
    cpu_stall_s: float | None = None
    memory_stall_s: float | None = None
    memory: tuple[tuple[str, int], ...] = ()
    load_1min: float | None = None
    failed_connects: int | None = None
    opened_connects: int | None = None
    files: tuple[int, int] | None = None


def read_machine(pid: int) -> MachineReading:
    """One reading for a process; about 200 us. A process that has ended leaves only the machine's own figures."""
    cores = os.cpu_count() or 1
    load = try_text("/proc/loadavg").split()
    tcp = parse_tcp_counters(try_text(f"/proc/{pid}/net/snmp"))
    return MachineReading(
        at_s=time.monotonic(),
        affinity_cores=_affinity(pid, cores),
        cores=cores,
        cpu_ticks=parse_cpu_ticks(try_text("/proc/stat")),
        cgroup=read_cgroup(pid),
        cpu_stall_s=parse_stall(try_text("/proc/pressure/cpu")),
        memory_stall_s=parse_stall(try_text("/proc/pressure/memory")),
        memory=tuple(parse_meminfo(try_text("/proc/meminfo")).items()),
        load_1min=float(load[0]) if load else None,
        failed_connects=tcp.get("AttemptFails"),
        opened_connects=tcp["ActiveOpens"] + tcp["PassiveOpens"] if "PassiveOpens" in tcp else None,
        files=parse_file_counts(try_text("/proc/sys/fs/file-nr")),
    )


def _affinity(pid: int, cores: int) -> int:
    try:
        return len(os.sched_getaffinity(pid))
    except OSError:
        return cores


def parse_cpu_ticks(text: str) -> tuple[int, ...]:
    """The numbers of the first line of /proc/stat: the sum over all cores since boot, in clock ticks."""
    line = text.partition("\n")[0].split()
    return tuple(int(one) for one in line[1:]) if line and line[0] == "cpu" else ()


def parse_file_counts(text: str) -> tuple[int, int] | None:
    """How many files are open on the machine, and how many may be; None where that cannot be read."""
    fields = text.split()
    return (int(fields[0]), int(fields[2])) if len(fields) == 3 and all(map(str.isdecimal, fields)) else None  # noqa: PLR2004


def parse_tcp_counters(text: str) -> dict[str, int]:
    """What one network namespace counts of its TCP connections since it began, by the names of RFC 2012."""
    rows = [line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:")]
    names, values = rows if len(rows) == 2 else ((), ())  # noqa: PLR2004 - a line of names, one of values
    return {name: int(value) for name, value in zip(names, values, strict=False)}


def parse_meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes, by name."""
    fields = (line.replace(":", " ").split() for line in text.splitlines())
    return {one[0]: int(one[1]) * _KIB for one in fields if len(one) > 2 and one[1].isdecimal()}  # noqa: PLR2004


def machine(before: MachineReading, after: MachineReading) -> Machine:
    """What two readings say of the time between them; with twice the same reading only what does not count time."""
    seconds = after.at_s - before.at_s
    memory = dict(after.memory)
    throttled = _throttled(before.cgroup, after.cgroup)
    bound = after.cgroup if after.cgroup.version else before.cgroup
    return Machine(
        cores=after.cores,
        affinity_cores=before.affinity_cores,
        quota_cores=bound.throttling.quota_cores if bound.throttling else None,
        cgroup_version=bound.version,
        periods=throttled[0],
        throttled_periods=throttled[1],
        throttled_s=throttled[2],
        busy_cores=_cores(before, after, _BUSY, seconds),
        steal_cores=_cores(before, after, (_STEAL,), seconds),
        iowait_cores=_cores(before, after, (_IOWAIT,), seconds),
        load_1min=after.load_1min,
        cpu_pressure=_share(before.cpu_stall_s, after.cpu_stall_s, seconds),
        memory_pressure=_share(before.memory_stall_s, after.memory_stall_s, seconds),
        cgroup_cpu_pressure=_share(before.cgroup.cpu_stall_s, after.cgroup.cpu_stall_s, seconds),
        cgroup_memory_pressure=_share(before.cgroup.memory_stall_s, after.cgroup.memory_stall_s, seconds),
        memory_bytes=memory.get("MemTotal"),
        memory_available_bytes=memory.get("MemAvailable"),
        memory_limit_bytes=bound.memory_limit_bytes,
        memory_used_bytes=bound.memory_used_bytes,
        failed_connects=_more(before.failed_connects, after.failed_connects),
        opened_connects=_more(before.opened_connects, after.opened_connects),
        open_files=after.files[0] if after.files else None,
        open_files_limit=after.files[1] if after.files else None,
        swap_used_bytes=memory["SwapTotal"] - memory["SwapFree"] if "SwapFree" in memory else None,
    )


def _cores(before: MachineReading, after: MachineReading, fields: tuple[int, ...], seconds: float) -> float | None:
    if seconds <= 0 or len(before.cpu_ticks) <= max(fields) or len(after.cpu_ticks) <= max(fields):
        return None
    ticks = sum(after.cpu_ticks[one] - before.cpu_ticks[one] for one in fields)
    return max(0.0, ticks * TICK_S / seconds)  # iowait can run backwards (proc_stat(5))


def _more(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _share(before_s: float | None, after_s: float | None, seconds: float) -> float | None:
    if before_s is None or after_s is None or seconds <= 0:
        return None
    return min(1.0, max(0.0, (after_s - before_s) / seconds))


def _throttled(before: Cgroup, after: Cgroup) -> tuple[int | None, int | None, float | None]:
    old, new = before.throttling, after.throttling
    if old is None or new is None:
        return None, None, None
    return (
        new.periods - old.periods,
        new.throttled_periods - old.throttled_periods,
        max(0.0, new.throttled_s - old.throttled_s),
    )
