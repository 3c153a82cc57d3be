"""Memory is short.

## What we saw
The service is near its memory limit (or the machine near its end), pages of code and data are read from disk again
and again (major faults), or the kernel counted time in which threads waited for memory.

## Why it hurts
Each major fault stops a thread for as long as the disk takes, anywhere in the code. At the limit the kernel ends the
process.

## What to do
Raise the limit, run fewer workers, or find what grows. Swap that is only full, and not used, does no harm.

## False alarms
Files that were read fill the memory by right and are given back at once: only the processes' own (resident) memory
counts against a limit. A start reads its code from disk: a few faults for a moment.

## Missed alarms
Growth that is still far from any limit. What the memory holds is not looked at.
"""

from __future__ import annotations

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.surroundings import MemoryUse

NEAR_LIMIT = 0.9
"""Of the limit: one large request is what is left."""

LITTLE_LEFT = 0.05
"""Of the machine's memory: from here on the kernel takes pages away that are in use."""

LARGE_PART = 0.3
"""Of the machine's memory: a smaller service is a victim of the shortage, not its cause, but short all the same."""

MANY_FAULTS = 50.0
"""Major faults a second: at 1 ms from a disk a twentieth of the time; a service at work has none."""

PRESSURE = 0.1
"""A tenth of the time somebody waited for memory."""

MIB = 1 << 20
"""Bytes in what people read."""


def check(memory: MemoryUse) -> Outcome:
    """Found where memory is near its end, or threads wait for it."""
    total = memory.limit_bytes or memory.total_bytes
    if total is None:
        return Unsure("neither a limit nor the size of the memory could be read")
    signs = _signs(memory)
    told = (
        f"{memory.rss_bytes / MIB:.0f} of {total / MIB:.0f} MiB resident, {memory.faults_per_s:.0f} major faults per s"
    )
    if not signs:
        return Clear(told)
    return Found((_finding(memory, signs, told),))


def _signs(memory: MemoryUse) -> tuple[str, ...]:
    """What says that memory is short, the worst first."""
    limit, total, left = memory.limit_bytes, memory.total_bytes, memory.available_bytes
    found = []
    if limit and memory.rss_bytes >= NEAR_LIMIT * limit:
        found.append(f"{memory.rss_bytes / limit:.0%} of its limit of {limit / MIB:.0f} MiB is in use")
    if total and left is not None and left < LITTLE_LEFT * total:
        found.append(f"the machine has {left / MIB:.0f} MiB left")
    if memory.faults_per_s >= MANY_FAULTS:
        found.append(f"{memory.faults_per_s:.0f} pages a second are read from disk again")
    if memory.pressure is not None and memory.pressure >= PRESSURE:
        found.append(f"threads waited for memory {memory.pressure:.0%} of the time")
    return tuple(found)


def _finding(memory: MemoryUse, signs: tuple[str, ...], told: str) -> Finding:
    waits = memory.pressure or 0.0
    is_small = bool(memory.total_bytes) and memory.rss_bytes < LARGE_PART * (memory.total_bytes or 0)
    near = memory.limit_bytes and memory.rss_bytes >= NEAR_LIMIT * memory.limit_bytes
    return Finding(
        claim=f"memory is short: {'; '.join(signs)}",
        severity="critical" if len(signs) > 1 else "warning",
        confidence="high",
        cost=Cost(time_share=waits),
        culprit=Culprit(pid=memory.largest, note=f"the largest process: {memory.largest_bytes / MIB:.0f} MiB resident"),
        evidence=(
            Figure(
                "resident", "resident memory, all processes", round(memory.rss_bytes / MIB), "MiB", "/proc/PID/stat"
            ),
            Figure("limit", "limit", round((memory.limit_bytes or 0) / MIB) or "none", "MiB", "memory.max"),
            Figure("left", "left on the machine", round((memory.available_bytes or 0) / MIB), "MiB", "/proc/meminfo"),
            Figure("faults", "pages read from disk again", round(memory.faults_per_s, 1), "a second", "/proc/PID/stat"),
            Figure("pressure", "somebody waited for memory", round(waits, 2), "of the time", "memory.pressure"),
            Figure("swap", "swap in use", round((memory.swap_bytes or 0) / MIB), "MiB", "/proc/meminfo"),
            Figure("told", "in one line", told, "", "/proc"),
        ),
        against=("others use most of the machine's memory",) if is_small and not near else (),
        fix=("Raise the limit, run fewer workers, or find what grows.",),
        now=("At the limit the kernel ends the process.",),
        explains="a service that is slow anywhere in its code, and processes that are gone without a trace",
        would_change="a look with room left and without major faults",
    )


RULE = Rule(
    slug="memory-pressure",
    title="Memory is short",
    needs=(MemoryUse,),
    check=check,
    page=__doc__,
)
