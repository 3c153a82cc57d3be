"""All Python processes of the host, grouped into services, with the CPU they use.

Cheap on a host with thousands of processes: one stat and one link each, twice; threads only of processes that used CPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from spindoctor.errors import Gone
from spindoctor.model.survey import ProcessLoad, ServiceUse, Survey, ThreadLoad
from spindoctor.probe.cgroups import Mount, read_mounts, read_quota
from spindoctor.probe.family import listening_ports, read_kinsman, read_stats
from spindoctor.probe.kin import Kinsman, group_families, made_by, program_of, role_of
from spindoctor.probe.machine import machine, read_machine
from spindoctor.probe.proc import PAGE_BYTES, TICK_S, Stat, read_link
from spindoctor.probe.processes import PYTHON_NAME, has_python_mapped, process_user
from spindoctor.probe.sockets import SocketTables
from spindoctor.probe.threads import ThreadCounters, read_threads, thread_use

INTERVAL_S = 1.0
_PILOT_SHARE = 0.25
"""The first part of the interval, which shows whose threads are worth reading in the rest."""

_EMBEDDERS = frozenset({"uwsgi", "apache2", "httpd", "unitd", "nginx", "gunicorn"})
"""Programs that may hold an interpreter; of any other name only those that use CPU are looked into."""

_OURSELVES = "spindoctor"
_MOST_THREADS = 2_000
_MOST_DETAILS = 100
"""Services for which ports and quota are read, busiest first."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """All processes at one moment; threads of those that were worth it."""

    at_s: float
    stats: dict[int, Stat]
    threads: dict[int, dict[int, ThreadCounters]]


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What is the same for all services, read once."""

    cores: int
    mounts: tuple[Mount, ...]
    sockets: SocketTables


def survey(interval_s: float = INTERVAL_S, sleep: Callable[[float], None] = time.sleep) -> Survey:
    """The host's Python services, busiest first; takes `interval_s`. Works for any user.

    Other users' processes are shown by their command line and counters, without ports; threads are visible to all.
    """
    before = read_machine(os.getpid())
    first = _read()
    sleep(interval_s * _PILOT_SHARE)
    pilot = _read()
    pythons, _ = find_pythons(pilot.stats, _used(first, pilot))
    begin = _with_threads(pilot, [pid for pid in _used(first, pilot) if pid in pythons])
    sleep(interval_s * (1 - _PILOT_SHARE))
    last = _read()
    pythons, hidden = find_pythons(last.stats, _used(first, last))
    pythons = without_us(pythons)
    end = _with_threads(last, begin.threads)
    loads = {pid: _process_load(one, first, begin, end) for pid, one in pythons.items()}
    kernel = machine(before, read_machine(os.getpid()))
    services = _services(pythons, loads, kernel.cores)
    return Survey(last.at_s - first.at_s, kernel, services, processes=len(pythons), hidden=hidden)


def running() -> dict[int, str]:
    """The Python processes of this host with the names of their programs, without measuring what they use."""
    found, _ = find_pythons(read_stats(), set())
    return {pid: _name(one) for pid, one in without_us(found).items()}


def _read() -> _Reading:
    return _Reading(time.monotonic(), read_stats(), {})


def _used(before: _Reading, after: _Reading) -> set[int]:
    """The processes that used CPU between two readings, or were born."""
    old = before.stats
    return {pid for pid, now in after.stats.items() if pid not in old or now.cpu_ticks > old[pid].cpu_ticks}


def _with_threads(reading: _Reading, pids: list[int] | Mapping[int, object]) -> _Reading:
    threads = {}
    for pid in pids:
        if pid in reading.stats and reading.stats[pid].threads <= _MOST_THREADS:
            try:
                threads[pid] = read_threads(pid)
            except Gone:
                continue
    return _Reading(time.monotonic(), reading.stats, threads)


def find_pythons(stats: Mapping[int, Stat], active: set[int]) -> tuple[dict[int, Kinsman], int]:
    """The Python processes among these but for ourselves, and how many processes of others could not be told.

    `active` are those that use CPU: they are looked into whatever their name.
    """
    found: dict[int, Kinsman] = {}
    hidden = 0
    for pid, stat in stats.items():
        if pid == os.getpid() or not stat.rss_pages:  # a kernel thread has no memory of its own
            continue
        executable = read_link(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        if executable:
            if _runs_python(pid, executable, is_active=pid in active):
                found[pid] = read_kinsman(stat)
            continue
        kinsman = read_kinsman(stat)
        if kinsman.command and PYTHON_NAME.search(kinsman.command[0].rstrip(":")):
            found[pid] = kinsman
        elif kinsman.command:
            hidden += 1
    return found, hidden


def without_us(pythons: Mapping[int, Kinsman]) -> dict[int, Kinsman]:
    """These without the runs of spindoctor, and without what started this one."""
    started_us = {pid for pid in _ancestors(pythons) if any(_OURSELVES in word for word in pythons[pid].command)}
    others = (one for pid, one in pythons.items() if pid not in started_us)
    return {one.pid: one for one in others if program_of(one.command) != _OURSELVES}


def _ancestors(pythons: Mapping[int, Kinsman]) -> Iterator[int]:
    """The Pythons right above us: a launcher has our arguments, and so the pattern, on its command line."""
    pid = os.getppid()
    while pid in pythons:
        yield pid
        pid = pythons[pid].parent_pid


def _runs_python(pid: int, executable: str, *, is_active: bool) -> bool:
    if PYTHON_NAME.search(executable):
        return True
    return (is_active or executable.rpartition("/")[2] in _EMBEDDERS) and has_python_mapped(pid)


def _process_load(one: Kinsman, first: _Reading, begin: _Reading, end: _Reading) -> ProcessLoad:
    stat, old = end.stats[one.pid], first.stats.get(one.pid)
    if old is not None and old.start_ticks != stat.start_ticks:
        old = None
    used = stat.cpu_ticks - (old.cpu_ticks if old else 0)
    return ProcessLoad(
        pid=one.pid,
        role="leader",
        command=one.command,
        user=process_user(one.pid),
        cores=used * TICK_S / _seconds(first, end),
        cpu_s=stat.cpu_ticks * TICK_S,
        age_s=_age_s(stat.start_ticks),
        rss_bytes=stat.rss_pages * PAGE_BYTES,
        thread_count=stat.threads,
        threads=_thread_loads(one.pid, begin, end),
        is_readable=bool(one.executable),
    )


def _seconds(before: _Reading, after: _Reading) -> float:
    return max(after.at_s - before.at_s, TICK_S)


def _age_s(start_ticks: int) -> float:
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks * TICK_S)


def _thread_loads(pid: int, begin: _Reading, end: _Reading) -> tuple[ThreadLoad, ...]:
    before, after = begin.threads.get(pid), end.threads.get(pid)
    if before is None or after is None:
        return ()
    seconds = _seconds(begin, end)
    return tuple(
        ThreadLoad(
            tid=use.tid,
            name=use.kernel_name,
            cores=use.cpu_s / seconds,
            cpu_s=after[use.tid].cpu_s,
            age_s=_age_s(after[use.tid].start_ticks),
        )
        for use in thread_use(before, after)
        if use.cpu_s > 0
    )


def _services(
    pythons: Mapping[int, Kinsman], loads: Mapping[int, ProcessLoad], machine_cores: int
) -> tuple[ServiceUse, ...]:
    families = group_families(pythons)
    ranked = sorted(families.values(), key=lambda pids: _rank([loads[pid] for pid in pids]))
    surroundings = _Surroundings(machine_cores, read_mounts(), SocketTables())
    return tuple(
        _service([pythons[pid] for pid in pids], loads, surroundings, has_details=place < _MOST_DETAILS)
        for place, pids in enumerate(ranked)
    )


def _rank(loads: list[ProcessLoad]) -> tuple[float, float]:
    return -sum(one.cores for one in loads), -sum(one.cpu_s for one in loads)


def _name(leader: Kinsman) -> str:
    started = leader.executable or "".join(leader.command[:1])
    return program_of(leader.command) or started.rpartition("/")[2] or str(leader.pid)


def _service(
    members: list[Kinsman], loads: Mapping[int, ProcessLoad], around: _Surroundings, *, has_details: bool
) -> ServiceUse:
    leader = members[0]
    by_pid = {one.pid: one for one in members}
    roles = {one.pid: role_of(leader.pid, one, by_pid.get(one.parent_pid)) for one in members}
    workers = [one for one in members if roles[one.pid] == "worker"]
    return ServiceUse(
        leader=leader.pid,
        name=_name(leader),
        made_by=made_by(leader, workers, (), has_tornado=False),
        processes=tuple(replace(loads[pid], role=role) for pid, role in roles.items()),
        machine_cores=around.cores,
        quota_cores=read_quota(leader.pid, around.mounts) if has_details else None,
        ports=listening_ports(by_pid, around.sockets) if has_details else (),
    )
