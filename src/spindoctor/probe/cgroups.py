"""A process's control groups, version 1 and 2: CPU quota, throttling, memory limit, pressure.

Limits hold at every level of the hierarchy, so the smallest one counts. Sources: cgroups(7), Linux
Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst, Documentation/accounting/psi.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from spindoctor.probe.proc import try_text

_UNLIMITED_BYTES = 1 << 60
"""Version 1 writes "no limit" as the largest multiple of a page (9223372036854771712)."""

_OCTAL = re.compile(r"\\([0-7]{3})")
_MOST_LEVELS = 64
_MICROSECOND_S = 1e-6
_NANOSECOND_S = 1e-9


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a hierarchy is mounted: `root` is the cgroup that shows at `point`."""

    version: int
    root: str
    point: str
    controllers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Throttling:
    """A quota in cores, and what it has done since the cgroup was made."""

    quota_cores: float
    periods: int = 0
    throttled_periods: int = 0
    throttled_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One reading. `version` is that of the CPU controller; None: no cgroup of the process can be seen from here.

    `cpu_stall_s` and `memory_stall_s` count seconds in which some thread of the cgroup waited (version 2 only).
    """

    version: int | None = None
    throttling: Throttling | None = None
    memory_limit_bytes: int | None = None
    memory_used_bytes: int | None = None
    cpu_stall_s: float | None = None
    memory_stall_s: float | None = None


def parse_membership(text: str) -> dict[str, str]:
    """Controller -> path of the process's cgroup, from `/proc/PID/cgroup`; version 2 under the empty name."""
    paths = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """The cgroup hierarchies in a mountinfo file (proc_pid_mountinfo(5)); later mounts hide earlier ones."""
    lines = (line.partition(" - ") for line in text.splitlines())
    found = (_mount(before.split(), after.split()) for before, dash, after in lines if dash)
    return tuple(mount for mount in found if mount is not None)


def _mount(before: list[str], after: list[str]) -> Mount | None:
    if after[0] not in {"cgroup", "cgroup2"}:
        return None
    options = frozenset(after[-1].split(","))
    return Mount(2 if after[0] == "cgroup2" else 1, _unescape(before[3]), _unescape(before[4]), options)


def _unescape(path: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), path)


def find_levels(controller: str, paths: dict[str, str], mounts: Iterable[Mount]) -> tuple[int, list[str]]:
    """The version and folders of a process's cgroup for one controller, innermost first, up to the mount.

    Version 0 and no folder where the cgroup cannot be seen from here (another cgroup namespace).
    """
    for mount in reversed(tuple(mounts)):
        path = _path(controller, paths, mount)
        inside = _below(path, mount.root) if path is not None else None
        if inside is not None:
            return mount.version, _upwards(mount.point, inside)
    return 0, []


def _path(controller: str, paths: dict[str, str], mount: Mount) -> str | None:
    """The process's cgroup in one hierarchy, if that is the one that has the controller."""
    if mount.version == 1:
        return paths.get(controller) if controller in mount.controllers else None
    return paths.get("") if not controller or controller not in paths else None


def _below(path: str, root: str) -> str | None:
    """The part of a cgroup's path below the one that is mounted; None where it lies outside."""
    if ".." in path.split("/"):
        return None
    prefix = root.rstrip("/")
    return path[len(prefix) :].strip("/") if f"{path}/".startswith(f"{prefix}/") else None


def _upwards(point: str, inside: str) -> list[str]:
    names = inside.split("/")[:_MOST_LEVELS] if inside else []
    return ["/".join([point.rstrip("/"), *names[:depth]]) for depth in range(len(names), -1, -1)]


def read_mounts() -> tuple[Mount, ...]:
    """The cgroup hierarchies that we can see."""
    return parse_mounts(try_text("/proc/self/mountinfo"))


def read_quota(pid: int, mounts: tuple[Mount, ...]) -> float | None:
    """The CPU quota of a process in cores; None where it has none, or where it cannot be seen."""
    version, folders = find_levels("cpu", parse_membership(try_text(f"/proc/{pid}/cgroup")), mounts)
    tightest = _tightest(version, folders)
    return tightest.quota_cores if tightest else None


def read_cgroup(pid: int) -> Cgroup:
    """What binds a process now; empty fields where it has ended or its cgroup cannot be seen."""
    paths, mounts = parse_membership(try_text(f"/proc/{pid}/cgroup")), read_mounts()
    version, cpu_folders = find_levels("cpu", paths, mounts)
    _, memory_folders = find_levels("memory", paths, mounts)
    _, pressure_folders = find_levels("", paths, [one for one in mounts if one.version != 1])
    limit, used = _memory(memory_folders)
    return Cgroup(
        version=version or None,
        throttling=_tightest(version, cpu_folders),
        memory_limit_bytes=limit,
        memory_used_bytes=used,
        cpu_stall_s=_stall_s(pressure_folders, "cpu"),
        memory_stall_s=_stall_s(pressure_folders, "memory"),
    )


def is_frozen(pid: int) -> bool:
    """Whether its cgroup of either version, or one above, is frozen (freezer.state; `frozen` in cgroup.events)."""
    paths, mounts = parse_membership(try_text(f"/proc/{pid}/cgroup")), read_mounts()
    _, first = find_levels("freezer", paths, [one for one in mounts if one.version == 1])
    _, second = find_levels("", paths, [one for one in mounts if one.version != 1])
    return any(try_text(f"{folder}/freezer.state").startswith("FR") for folder in first) or any(
        "frozen 1" in try_text(f"{folder}/cgroup.events") for folder in second
    )


def _tightest(version: int, folders: Iterable[str]) -> Throttling | None:
    read = _throttling_v1 if version == 1 else _throttling_v2
    found = [one for one in map(read, folders) if one is not None]
    return min(found, key=lambda one: one.quota_cores, default=None)


def _throttling_v2(folder: str) -> Throttling | None:
    quota, _, period = try_text(f"{folder}/cpu.max").partition(" ")
    return parse_throttling(quota, period, try_text(f"{folder}/cpu.stat"))


def _throttling_v1(folder: str) -> Throttling | None:
    quota, period = try_text(f"{folder}/cpu.cfs_quota_us"), try_text(f"{folder}/cpu.cfs_period_us")
    return parse_throttling(quota, period, try_text(f"{folder}/cpu.stat"))


def parse_throttling(quota: str, period: str, stat: str) -> Throttling | None:
    """A quota ("max", -1 or nothing: there is none) and cpu.stat of either version (throttled_usec, throttled_time)."""
    if not quota.strip().isdecimal() or not period.strip().isdecimal():
        return None
    counts = parse_counts(stat)
    throttled_s = counts.get("throttled_usec", 0) * _MICROSECOND_S + counts.get("throttled_time", 0) * _NANOSECOND_S
    cores = int(quota) / int(period)
    return Throttling(cores, counts.get("nr_periods", 0), counts.get("nr_throttled", 0), throttled_s)


def parse_counts(text: str) -> dict[str, int]:
    """The lines `name number` of a flat keyed file such as cpu.stat."""
    fields = (line.split() for line in text.splitlines())
    return {one[0]: int(one[1]) for one in fields if len(one) > 1 and one[1].isdecimal()}


def _memory(folders: Iterable[str]) -> tuple[int | None, int | None]:
    """Limit and use of the level with the smallest limit."""
    levels = []
    for folder in folders:
        limit = _number(f"{folder}/memory.max") or _number(f"{folder}/memory.limit_in_bytes")
        if limit is not None and limit < _UNLIMITED_BYTES:
            used = _number(f"{folder}/memory.current") or _number(f"{folder}/memory.usage_in_bytes")
            levels.append((limit, used))
    return min(levels, key=lambda level: level[0], default=(None, None))


def _number(path: str) -> int | None:
    text = try_text(path).strip()
    return int(text) if text.isdecimal() else None


def _stall_s(folders: list[str], resource: str) -> float | None:
    return parse_stall(try_text(f"{folders[0]}/{resource}.pressure")) if folders else None


def parse_stall(text: str) -> float | None:
    """Seconds in which some thread waited, from a pressure file; None where the kernel does not keep it."""
    some = next((line for line in text.splitlines() if line.startswith("some ")), "")
    total = some.rpartition("total=")[2]
    return int(total) * _MICROSECOND_S if total.isdecimal() else None
