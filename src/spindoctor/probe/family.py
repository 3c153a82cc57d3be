"""The family of a process: leader, forked workers and helpers, how they were made, who is hottest, what they serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from spindoctor.errors import DoctorError
from spindoctor.model.process import Process, Target
from spindoctor.probe.descriptors import find_socket_inodes
from spindoctor.probe.failures import gone
from spindoctor.probe.kin import Kinsman, group_families, is_kin, is_same_program, leader_of, made_by, role_of
from spindoctor.probe.proc import Stat, find_pids, read_link, read_stat, try_bytes
from spindoctor.probe.processes import is_python, is_zombie, read_command, read_process
from spindoctor.probe.sockets import SocketTables, listening_sockets

HOT_INTERVAL_S = 0.2
"""20 clock ticks: a process that burns a core shows 18 or more of them, one that idles none or one."""

_MOST_MEMBERS = 512
_MOST_PORT_MEMBERS = 32
"""Workers of one service listen on the same sockets: the first few name all ports."""


def find_family(pid: int, interval_s: float = HOT_INTERVAL_S, sleep: Callable[[float], None] = time.sleep) -> Target:
    """The service that a process belongs to; with several members it takes `interval_s` to see which is hottest.

    Raises:
        Gone, Forbidden, DoctorError: as `read_process`, for the process that was asked for.
    """
    asked = read_process(pid)
    before = read_stats()
    if pid not in before:
        raise gone(pid)
    kinsmen = _kinsmen(pid, before)
    members = _members(leader_of(pid, kinsmen), kinsmen, before)
    if len(members) == 1:
        return _target(asked, members[0].pid, members, members[0].pid)
    sleep(interval_s)
    after = read_stats(one.pid for one in members)
    if pid not in after:
        raise gone(pid)
    members = [one for one in members if one.pid in after]
    return _target(asked, _eldest(members, after), members, _hottest(pid, members, before, after))


def read_stats(pids: Iterable[int] | None = None) -> dict[int, Stat]:
    """The stat of every living process in sight (or of these); about 12 us each."""
    stats = {}
    for pid in find_pids() if pids is None else pids:
        try:
            stat = read_stat(pid)
        except (OSError, ValueError):
            continue
        if not is_zombie(stat):
            stats[pid] = stat
    return stats


def read_kinsman(stat: Stat) -> Kinsman:
    """What the search for a family needs of one process; about 10 us."""
    return Kinsman(stat.pid, stat.parent_pid, read_command(stat.pid), read_link(f"/proc/{stat.pid}/exe"))


def _kinsmen(pid: int, stats: Mapping[int, Stat]) -> dict[int, Kinsman]:
    """The Python processes above and below one, as far as the line of Pythons goes."""
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent_pid, []).append(stat.pid)
    top = pid
    while stats[top].parent_pid in stats and is_python(stats[top].parent_pid):
        top = stats[top].parent_pid
    found: dict[int, Kinsman] = {}
    waiting = [top]
    while waiting and len(found) < _MOST_MEMBERS:
        one = waiting.pop()
        found[one] = read_kinsman(stats[one])
        waiting.extend(child for child in children.get(one, ()) if child not in found and is_python(child))
    found.setdefault(pid, read_kinsman(stats[pid]))
    return found


def _members(leader: int, kinsmen: Mapping[int, Kinsman], stats: Mapping[int, Stat]) -> list[Kinsman]:
    members = [kinsmen[one] for one in group_families(kinsmen)[leader]]
    known = {one.pid for one in members}
    return members + [one for one in _siblings(kinsmen[leader], stats) if one.pid not in known]


def _eldest(members: list[Kinsman], stats: Mapping[int, Stat]) -> int:
    """The first born of those without a parent in the family: several where their master has ended."""
    pids = {one.pid for one in members}
    orphans = [one.pid for one in members if one.parent_pid not in pids]
    return min(orphans or pids, key=lambda pid: (stats[pid].start_ticks, pid))


def _siblings(leader: Kinsman, stats: Mapping[int, Stat]) -> list[Kinsman]:
    """Processes with the leader's parent that run the same program and hold one of its listening sockets.

    Such are workers whose master has ended, and those that a process manager gave one socket.
    """
    peers = (read_kinsman(stat) for stat in stats.values() if stat.parent_pid == leader.parent_pid)
    alike = [one for one in peers if one.pid != leader.pid and (is_same_program(leader, one) or is_kin(leader, one))]
    if not alike:
        return []
    listening = listening_sockets(leader.pid).keys() & find_socket_inodes(leader.pid)
    return [one for one in alike if listening & find_socket_inodes(one.pid)][:_MOST_MEMBERS]


def _hottest(pid: int, members: list[Kinsman], before: Mapping[int, Stat], after: Mapping[int, Stat]) -> int:
    """The member that used most CPU in the interval; by its whole life where none used any, first the one asked for."""

    def used(one: Kinsman) -> tuple[int, bool, int]:
        now = after[one.pid].cpu_ticks
        return now - before[one.pid].cpu_ticks, one.pid == pid, now

    return max(members, key=used).pid


def _target(asked: Process, leader: int, members: list[Kinsman], hot: int) -> Target:
    processes = tuple(_with_roles(asked, leader, members))
    roles = {process.pid: process.role for process in processes}
    workers = [one for one in members if roles.get(one.pid) == "worker"]
    environment = [name for process in processes if process.role == "worker" for name in process.environment]
    head = next(one for one in members if one.pid == leader)
    return Target(
        leader=leader if leader in roles else asked.pid,
        hot=hot if hot in roles else asked.pid,
        processes=processes,
        made_by=made_by(head, workers, environment, has_tornado=_maps_tornado(leader)),
        ports=listening_ports([one.pid for one in members]),
    )


def _with_roles(asked: Process, leader: int, members: list[Kinsman]) -> Iterator[Process]:
    by_pid = {one.pid: one for one in members}
    for one in members:
        try:
            process = asked if one.pid == asked.pid else read_process(one.pid, is_target=False)
        except DoctorError:
            continue  # it has ended meanwhile
        yield replace(process, role=role_of(leader, one, by_pid.get(one.parent_pid)))


def _maps_tornado(pid: int) -> bool:
    return b"/tornado/speedups." in try_bytes(f"/proc/{pid}/maps")


def listening_ports(pids: Iterable[int], tables: SocketTables | None = None) -> tuple[int, ...]:
    """The TCP ports on which any of these processes listens, in order; empty where we may not look."""
    tables = tables or SocketTables()
    ports: set[int] = set()
    for pid in list(pids)[:_MOST_PORT_MEMBERS]:
        inodes = find_socket_inodes(pid)
        if inodes:
            ports.update(port for inode, port in listening_sockets(pid, tables).items() if inode in inodes)
    return tuple(sorted(ports))
