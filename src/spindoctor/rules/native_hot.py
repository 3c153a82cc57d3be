"""Native code below one Python line uses the CPU.

## What we saw
A thread was on the CPU and its Python stack stood, in nearly all looks, at the same instruction of the same line, below
which only native code can be at work (compression, hashing, arrays, a parser or a driver written in C): in one long
call or in many short ones, which looks alone cannot tell apart. Threads of a pool that stand at the same line count as
one: a server spreads its requests over them.

## Why it hurts
It need not: native code that has given up the GIL is the best use of a core that a thread can make, and then this is
information. Where it keeps the GIL, no other thread of the process runs until the call returns.

## What to do
Where the GIL is kept: make the single calls smaller, use a function that releases the GIL, or move the work to another
process. On an event loop: hand the call to a thread, if it releases the GIL, or else to a process.

## False alarms
A loop on one line shows several instructions, and an empty loop calls nothing; neither is reported, nor is a call that
runs Python code in its turn (`sum` over a generator).

## Missed alarms
Native code that is called from many lines in turn, so that none of them has most of the time. A native profiler says
which function of the library it is; the Python side cannot.
"""

from __future__ import annotations

from spindoctor.model.burning import BusyThread, BusyThreads, Place, blamed, blamed_places, crews
from spindoctor.model.facts import Others, Site
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 50
"""Below this a share of 70 % cannot be told from 85 %."""

MIN_WANTED = 0.5
"""Used or queued for; a thread that wants less than half a core is not what a core is burned on."""

MIN_CORES = 0.15
"""A thread that only queues has hardly been seen at its work."""

MIN_STILL = 0.7
"""Lower bound: the interpreter itself spends its time at many instructions, the tightest loop at three or four."""

HELD_UP_S = 0.1
"""Python code gives the GIL up 5 ms after another thread asks for it: twenty times that is a native call."""

HELD_UP = 0.4
"""Lower bound: others wait most of the time; a thread that wakes up now and then and waits a little is no queue."""

KEEPS = 0.5
"""In half of the looks it had the GIL; a call that releases it has it only on the way in and out."""


def check(busy: BusyThreads, others: Others) -> Outcome:
    """Found for each thread that stands at one instruction, unless a finding already says what runs there."""
    if busy.looks < MIN_LOOKS:
        return Unsure(f"{busy.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = blamed(others)
    rest = [one for one in busy.threads if (one.pid, one.name) not in told]
    hot = [one for one in rest if _is_native(one)]
    places = blamed_places(others)
    spread = crews([one for one in rest if one not in hot], _still_at)
    hot += [one for one in spread if _is_native(one) and not _is_told(one, places)]
    findings = [_finding(one, one.still_site) for one in hot if one.still_site]
    if findings:
        return Found(tuple(findings))
    most = "; ".join(f"{one.name}: {one.still} at one instruction" for one in busy.threads[:3])
    return Clear(most or "no thread used CPU")


def _still_at(one: BusyThread) -> tuple[str | None, int | None] | None:
    """The line at which a thread stood most."""
    site = one.still_site if one.calls_there else None
    return (site.culprit.file, site.culprit.line) if site else None


def _is_told(one: BusyThread, places: set[Place]) -> bool:
    """Whether a finding already says what runs where these threads stand: it names one of them."""
    at = one.still_site.culprit if one.still_site else None
    return at is not None and (one.pid, at.file, at.function) in places


def _is_native(one: BusyThread) -> bool:
    wants = one.wanted_cores >= MIN_WANTED and one.cores >= MIN_CORES
    return wants and one.calls_there and one.still.low >= MIN_STILL


def _finding(one: BusyThread, site: Site) -> Finding:
    holds_up = one.kept_gil_s >= HELD_UP_S and one.held_up.low >= HELD_UP
    gil = "keeps the GIL" if one.kept_gil.ratio >= KEEPS else "has given up the GIL"
    return Finding(
        claim=f"native code called by {site.culprit.function} uses {one.cores:.2f} cores in thread {one.name} "
        f"(pid {one.pid}): {one.still} at one instruction; it {gil}",
        severity="warning" if holds_up else "info",
        confidence="high",
        cost=Cost(cores=one.cores * one.still.ratio, delay_s=one.kept_gil_s if holds_up else 0.0),
        culprit=site.culprit,
        evidence=(
            Figure("still", "looks on the CPU at one instruction", str(one.still), "", "stacks"),
            Figure("row", "most of these looks in a row, in one call or in many", one.still_row, "looks", "stacks"),
            Figure("kept_gil", "of these, looks with the GIL in its hand", str(one.kept_gil), "", "GIL"),
            Figure(
                "kept_gil_s", "longest time that another thread waited for it", round(one.kept_gil_s, 2), "s", "GIL"
            ),
            Figure(
                "thread_cores", f"CPU of thread {one.name}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"
            ),
        ),
        fix=(
            "Make the single calls smaller, use a function that releases the GIL, or move the work to another process.",
        )
        if holds_up
        else (),
        explains="that no other thread of this process gets on" if holds_up else "what the core is used for",
        would_change="a stack that moves from instruction to instruction",
    )


RULE = Rule(
    slug="native-hot",
    title="Native code below one line uses the CPU",
    needs=(BusyThreads, Others),
    check=check,
    page=__doc__,
    explains=("single-core-ceiling",),
)
