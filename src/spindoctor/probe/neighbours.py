"""Who else used the CPU: the busiest processes outside of a family."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

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
    worth = [one for one in used if one.cores >= WORTH_A_NAME_CORES]
    return tuple(sorted(worth, key=lambda one: one.cores, reverse=True)[:MOST_NEIGHBOURS])
