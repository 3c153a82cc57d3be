"""Which process the user means: by port, by name, or simply the hottest."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from spindoctor.errors import DoctorError, ExitCode
from spindoctor.probe.descriptors import find_socket_inodes
from spindoctor.probe.family import HOT_INTERVAL_S, read_stats
from spindoctor.probe.hosts import find_pythons, without_us
from spindoctor.probe.kin import Kinsman, group_families, is_same_program, leader_of
from spindoctor.probe.permission import own_arguments, own_command
from spindoctor.probe.proc import Stat, find_pids, read_link
from spindoctor.probe.processes import read_command
from spindoctor.probe.sockets import listening_sockets

_MOST_SHOWN = 10
_MOST_CHARACTERS = 80
_LIST = "Run `spindoctor` to list the Python processes that run now."


def by_port(port: int) -> int:
    """The leader of the Python service that listens on a TCP port, in whatever network namespace.

    Raises:
        DoctorError: nobody does, or no Python; several services do (exit code 2).
    """
    holders, is_open = _holders(port)
    pythons, _ = _pythons()
    ours = [pythons[pid] for pid in sorted(holders & pythons.keys())]
    if not ours:
        raise _nobody(port, sorted(holders), is_open=is_open)
    if all(is_same_program(ours[0], one) and one.parent_pid == ours[0].parent_pid for one in ours):
        return leader_of(ours[0].pid, pythons)  # siblings on one port are one service, also where no master is left
    return _the_one(f"listen on port {port}", holders, pythons)


def _holders(port: int) -> tuple[set[int], bool]:
    """The processes that hold a listening socket on a port, and whether there is one at all.

    Network namespaces have tables of their own. Who holds a socket of another user's process shows only to root.
    """
    spaces = sorted((read_link(f"/proc/{pid}/ns/net"), pid) for pid in find_pids())
    holders: set[int] = set()
    is_open = False
    for _, members in groupby(spaces, key=lambda one: one[0]):
        pids = [pid for _, pid in members]
        inodes = {inode for inode, there in listening_sockets(pids[0]).items() if there == port}
        is_open = is_open or bool(inodes)
        holders.update(pid for pid in pids if inodes and inodes & find_socket_inodes(pid))
    return holders, is_open


def _nobody(port: int, holders: list[int], *, is_open: bool) -> DoctorError:
    if holders:
        commands = {pid: read_command(pid) for pid in holders[:_MOST_SHOWN]}
        names = ", ".join(f"{_command(command)} (pid {pid})" for pid, command in commands.items())
        return DoctorError(
            f"Port {port} belongs to no Python process but to {names}.", _LIST, commands=_shown(commands.values())
        )
    if is_open:
        problem = f"Port {port} is open, but the kernel does not show us whose it is."
        command = f"{own_command()} {own_arguments() or f'diagnose --port {port}'}"
        return DoctorError(problem, f"Run it as root: sudo {command}" if os.geteuid() else _LIST)
    return DoctorError(f"No process listens on TCP port {port}.", _LIST)


def by_name(pattern: str) -> int:
    """The leader of the Python service whose command line matches, ignoring case.

    `pattern` is a regular expression, or plain text where it is none. Our own processes never match.

    Raises:
        DoctorError: none does; several services do (exit code 2).
    """
    pythons, _ = _pythons()
    matches = match_names(pattern, {pid: one.command for pid, one in pythons.items()})
    if not matches:
        raise DoctorError(f"No Python process has a command line that matches {pattern!r}.", _LIST)
    return _the_one(f"match {pattern!r}", matches, pythons)


def match_names(pattern: str, commands: Mapping[int, tuple[str, ...]]) -> set[int]:
    """The pids whose command line matches a pattern as `by_name` takes it."""
    try:
        wanted = re.compile(pattern, re.IGNORECASE)
    except re.error:
        wanted = re.compile(re.escape(pattern), re.IGNORECASE)
    return {pid for pid, command in commands.items() if wanted.search(" ".join(command))}


def hottest(interval_s: float = HOT_INTERVAL_S, sleep: Callable[[float], None] = time.sleep) -> int:
    """The process that uses most CPU, in the Python service that uses most; takes `interval_s`.

    Where none uses any, by the CPU used since the start.

    Raises:
        DoctorError: no Python process runs here that we can see.
    """
    before = read_stats()
    sleep(interval_s)
    after = read_stats()
    active = {pid for pid, now in after.items() if _used(pid, before, now)}
    pythons = without_us(find_pythons(after, active)[0])
    if not pythons:
        raise DoctorError(
            "No Python process runs here that we can see.",
            f"Start the service, or look as root: sudo {own_command()}" if os.geteuid() else "Start the service first.",
        )

    def heat(pids: Iterable[int]) -> tuple[int, int]:
        members = list(pids)
        return sum(_used(pid, before, after[pid]) for pid in members), sum(after[pid].cpu_ticks for pid in members)

    service = max(group_families(pythons).values(), key=heat)
    return max(service, key=lambda pid: heat((pid,)))


def _used(pid: int, before: Mapping[int, Stat], now: Stat) -> int:
    old = before.get(pid)
    return now.cpu_ticks - old.cpu_ticks if old and old.start_ticks == now.start_ticks else now.cpu_ticks


def _pythons() -> tuple[dict[int, Kinsman], int]:
    """All Python processes, also those that embed it and idle: the user has named one."""
    stats = read_stats()
    found, hidden = find_pythons(stats, set(stats))
    return without_us(found), hidden


def _the_one(what: str, pids: Iterable[int], pythons: Mapping[int, Kinsman]) -> int:
    """The leader of the one family these belong to."""
    wanted = set(pids)
    families = {leader: members for leader, members in group_families(pythons).items() if wanted & set(members)}
    if len(families) == 1:
        return next(iter(families))
    commands = {leader: pythons[leader].command for leader in list(families)[:_MOST_SHOWN]}
    lines = [f"  {leader:>7}  {_command(command)}" for leader, command in commands.items()]
    more = [f"  and {len(families) - _MOST_SHOWN} more"] if len(families) > _MOST_SHOWN else []
    raise DoctorError(
        "\n".join([f"{len(families)} services {what}:", *lines, *more]),
        f"Name one by its pid: spindoctor diagnose {next(iter(families))}",
        ExitCode.USAGE,
        _shown(commands.values()),
    )


def _shown(commands: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {_command(command): command for command in commands}


def _command(command: tuple[str, ...]) -> str:
    text = " ".join(" ".join(command).split())
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."
