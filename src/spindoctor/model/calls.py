"""Exact counts of system calls over a short span."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallCounts:
    """The system calls that one thread began within `seconds`, by name, the most frequent first.

    `sleeps` are the times that it gave up the CPU by itself meanwhile. `is_whole` is False where there were more kinds
    of calls than could be kept. `failures` are those that returned an error, by name and error (`("connect",
    "ECONNREFUSED", 800)`), the most frequent first.
    """

    tid: int
    seconds: float
    calls: tuple[tuple[str, int], ...]
    sleeps: int
    is_whole: bool = True
    failures: tuple[tuple[str, str, int], ...] = ()
