"""A thread that is no event loop does real work on the CPU.

## What we saw
A thread that runs no event loop used, or queued for, half a core or more, and was seen at work in Python code: what it
holds changes, or it moves over many lines; threads of a pool that work in the same function count as one. This is
information: a number cruncher uses a core by right.

## Why it hurts
By itself it does not. It shares the GIL with all other threads of its process; whether that holds anyone up is said by
`gil-contention`.

## What to do
Where the core is missed elsewhere: do less, do it once, or move it to another process.

## False alarms
None by intention: it is said of each thread that uses its core and that no other finding explains.

## Missed alarms
Work spread over many threads, each of which uses less than half a core, and over many functions.
"""

from __future__ import annotations

from spindoctor.model.burning import BusyThread, BusyThreads, blamed, blamed_places, crews
from spindoctor.model.facts import Others
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 50
"""Fewer looks do not show what a thread does."""

MIN_WANTED = 0.5
"""Used or queued for: half a core is what someone asks about."""

MIN_CORES = 0.15
"""A thread that mostly queues is starved, not hot."""

ONE_WORK = 0.5
"""Lower bound: threads of a pool that share their time among many functions do what the service is there for."""

NOTHING_NEW = 0.4
"""Lower bound of the looks that show nothing new: above it the thread may be asking instead of working."""


def check(busy: BusyThreads, others: Others) -> Outcome:
    """Information on each thread without a loop that uses half a core and is not explained otherwise."""
    if busy.looks < MIN_LOOKS:
        return Unsure(f"{busy.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = blamed(others)
    rest = [one for one in busy.threads if (one.pid, one.name) not in told]
    hot = [one for one in rest if _is_hot(one)]
    places = blamed_places(others)
    spread = crews([one for one in rest if one not in hot], _function)
    hot += [one for one in spread if _is_hot(one) and _is_one_work(one) and (one.pid, *_function(one)) not in places]
    if hot:
        return Found(tuple(map(_finding, hot)))
    return Clear(f"no thread without an event loop wanted {MIN_WANTED} cores that is not explained otherwise")


def _function(one: BusyThread) -> tuple[str | None, str | None]:
    """The function in which a thread was seen most."""
    return (one.site.culprit.file, one.site.culprit.function) if one.site else (None, None)


def _is_one_work(one: BusyThread) -> bool:
    return one.site is not None and one.site.share.low >= ONE_WORK


def _is_hot(one: BusyThread) -> bool:
    return not one.is_loop and one.wanted_cores >= MIN_WANTED and one.cores >= MIN_CORES


def _finding(one: BusyThread) -> Finding:
    culprit = one.site.culprit if one.site else Culprit(pid=one.pid, thread=one.name)
    return Finding(
        claim=f"thread {one.name} of process {one.pid} computes: {one.cores:.2f} cores, most of them in "
        f"{culprit.function or 'code that shows no Python frame'}",
        severity="info",
        confidence="high" if one.repeats.high < NOTHING_NEW else "medium",
        cost=Cost(cores=one.cores),
        culprit=culprit,
        culprits=tuple(site.culprit for site in one.profile[1:4]),
        evidence=_evidence(one),
        against=_against(one),
        fix=("Where the core is missed elsewhere, do less of it or move it to another process.",),
        explains="what the core is used for",
        would_change="a thread that shows the same variables in every look",
    )


def _evidence(one: BusyThread) -> tuple[Figure, ...]:
    figures = [
        Figure("thread_cores", f"CPU of thread {one.name}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        Figure("wanted", "the same with time in the run queue", round(one.wanted_cores, 2), "cores", "schedstat"),
        Figure("on_cpu", "looks that met it on the CPU", str(one.on_cpu), "", "stacks"),
    ]
    if one.site:
        figures.append(Figure("here", "of these in the function seen most", str(one.site.share), "", "stacks"))
    if one.repeats.of:
        figures.append(
            Figure("repeats", "looks in which its frames hold what they held", str(one.repeats), "", "locals")
        )
    return tuple(figures)


def _against(one: BusyThread) -> tuple[str, ...]:
    if one.repeats.low < NOTHING_NEW:
        return ()
    return ("nothing that its frames hold changes: it may be asking for something instead of computing",)


RULE = Rule(
    slug="hot-thread",
    title="A thread computes",
    needs=(BusyThreads, Others),
    check=check,
    page=__doc__,
    explains=("single-core-ceiling",),
)
