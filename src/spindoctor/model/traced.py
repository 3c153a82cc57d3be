"""The figures that rules show of system calls that were counted."""

from __future__ import annotations

from spindoctor.model.calls import CallCounts
from spindoctor.model.outcome import Figure

MOST_TOLD = 4
"""A thread that spins lives in one to three calls; the fourth shows that what follows is small."""

EXIT = "sys_exit tracepoint"


def traced_figures(counts: CallCounts | None) -> tuple[Figure, ...]:
    """What was counted, as evidence; nothing where nobody counted."""
    if counts is None or counts.seconds <= 0:
        return ()
    told = ", ".join(f"{name} {count / counts.seconds:,.0f}" for name, count in counts.calls[:MOST_TOLD])
    more = "" if counts.is_whole else " and others that were not kept"
    span = f"in {counts.seconds:.1f} s"
    failed = ", ".join(f"{name} {why} {n / counts.seconds:,.0f}" for name, why, n in counts.failures[:MOST_TOLD])
    return (
        Figure("traced", f"system calls a second, counted {span}", (told or "none") + more, "", "sys_enter tracepoint"),
        Figure(
            "traced_sleeps",
            f"sleeps a second {span}",
            round(counts.sleeps / counts.seconds),
            "a second",
            "/proc/PID/task/TID/status",
        ),
        *((Figure("traced_failures", f"of these failed a second {span}", failed, "", EXIT),) if failed else ()),
    )
