"""Forks of a service that begin and end while it is looked at: workers that are started anew again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from spindoctor.probe.proc import TICK_S, parse_stat, read_bytes, try_bytes

MIN_AGE_S = 0.05
"""A child that is to become another program does so within a few milliseconds of its fork."""


class Offspring:
    """Keeps which processes below a service run what their parents run."""

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self._kin: dict[int, bool] | None = None
        self._there: frozenset[int] = frozenset()

    def note(self, above: Mapping[int, Sequence[int]]) -> None:
        """Those that are there now, each with those above it, nearest first; the first ones began before the look."""
        self._there = frozenset(above)
        if self._kin is None:
            self._kin = dict.fromkeys(above, False)
        told = {pid: _is_kin(pid, above[pid][0]) for pid in above.keys() - self._kin.keys()}
        self._kin |= {pid: is_kin for pid, is_kin in told.items() if is_kin is not None}

    @property
    def gone(self) -> int:
        """How many of those that began since are gone again."""
        return sum(is_kin and pid not in self._there for pid, is_kin in (self._kin or {}).items())


def _is_kin(pid: int, parent: int) -> bool | None:
    """Whether a process runs the same command as its parent; None where it may exec(2) yet."""
    command, of_parent = (try_bytes(f"/proc/{one}/cmdline") for one in (pid, parent))
    is_same = command != b"" and command == of_parent
    return None if is_same and _age_s(pid) < MIN_AGE_S else is_same


def _age_s(pid: int) -> float:
    """For how long a process has been there; 0 where it is gone."""
    try:
        begun_s = parse_stat(read_bytes(f"/proc/{pid}/stat")).start_ticks * TICK_S
    except (OSError, ValueError):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun_s
