"""Who else used the CPU: the busiest processes outside of a family, and those that it gave birth to meanwhile."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping

from spindoctor.model.process import Neighbour
from spindoctor.probe.proc import TICK_S, Stat

MOST_NEIGHBOURS = 3
WORTH_A_NAME_CORES = 0.05
"""Below a twentieth of a core a process takes nothing from anybody."""


def find_neighbours(
    before: Mapping[int, Stat], after: Mapping[int, Stat], family: Collection[int], seconds: float
) -> tuple[Neighbour, ...]:
    """The busiest processes that are neither in `family` nor ourselves, by what they used between two readings."""
    if seconds <= 0:
        return ()
    used = [
        Neighbour(pid, stat.name, (stat.cpu_ticks - before[pid].cpu_ticks) * TICK_S / seconds)
        for pid, stat in after.items()
        if pid in before and pid not in family and pid != os.getpid() and before[pid].start_ticks == stat.start_ticks
    ]
    return _busiest(used)


def find_newborn(
    before: Mapping[int, Stat], after: Mapping[int, Stat], family: Collection[int], seconds: float
) -> tuple[Neighbour, ...]:
    """The busiest processes that began between two readings and descend from `family`."""
    if seconds <= 0:
        return ()
    began = [stat for pid, stat in after.items() if pid not in before or before[pid].start_ticks != stat.start_ticks]
    mine = [one for one in began if one.pid not in family and _descends(one, after, family)]
    return _busiest(Neighbour(one.pid, one.name, one.cpu_ticks * TICK_S / seconds) for one in mine)


def _descends(one: Stat, stats: Mapping[int, Stat], family: Collection[int]) -> bool:
    parents = {one.pid}
    while one.parent_pid not in family:
        if one.parent_pid in parents or one.parent_pid not in stats:
            return False
        one = stats[one.parent_pid]
        parents.add(one.pid)
    return True


def _busiest(used: Iterable[Neighbour]) -> tuple[Neighbour, ...]:
    worth = [one for one in used if one.cores >= WORTH_A_NAME_CORES]
    return tuple(sorted(worth, key=lambda one: one.cores, reverse=True)[:MOST_NEIGHBOURS])
