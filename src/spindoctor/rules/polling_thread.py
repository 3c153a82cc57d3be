"""A thread that is no event loop asks again and again whether something has happened.

## What we saw
A thread used, or queued for, half a core or more and hardly slept. Next to nothing that its code can see changed: the
variables, and what they hold, were what they had been when they were last looked at. Its stack went round in a small
circle, or much of its time went into system calls, and what it called or stood at was a question: is it set, is it
empty, is it done, wait zero seconds.

## Why it hurts
A core is gone for nothing. Inside a Python process it also holds the GIL most of the time, so every other thread waits
up to 5 ms for each turn.

## What to do
Let the thread sleep until there is something to do: `queue.get()` with a timeout instead of `get_nowait()`,
`Event.wait(timeout)` instead of `is_set()`, `select` with a timeout above zero, `Condition.wait()`, `future.result()`.
Where nothing can be waited on, poll with a pause (`time.sleep(0.05)`).

## False alarms
A thread that computes changes what it holds in every look: counters, sums, positions, sizes. Such a thread is
`hot-thread`. The little that comes in for a poller to do (some events a second) changes what it holds now and then.

## Missed alarms
A poller that counts its attempts, or computes the time that is left, looks like work. So does one whose question is put
by native code under a name that tells nothing. Its thread is still named, as information, by `hot-thread`.
"""

from __future__ import annotations

from spindoctor.model.burning import BusyThread, BusyThreads, blamed
from spindoctor.model.facts import Others
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.spinning import Spin, Spins

MIN_LOOKS = 50
"""Below this the shares are too coarse to accuse anyone."""

MIN_WANTED = 0.5
"""Used or queued for: a thread that never waits wants a whole core and gets at least half of its wish noticed."""

MIN_CORES = 0.15
"""A thread that only queues and waits for the GIL has hardly been seen at its work."""

MAX_ASLEEP = 0.1
"""Who polls without waiting is never asleep; the odd look meets it while the kernel is at work for it."""

MIN_REPEATS = 0.4
"""Lower bound. A computation shows new things in every look; five events a second change a poller's in four of ten."""

MIN_ASKS = 0.75
"""Lower bound. It asks in every look; a loop that works on what cannot be read asks for its end in a part of them."""

MIN_TURNS = 5
"""The stack stood elsewhere five times: it goes round."""

MOST_STILL = 0.97
"""Several instructions of one line are a circle too; a single one is a native call (`native-hot`)."""

MIN_WAITS = 0.5
"""Lower bound: of the selector calls seen, half were given time to wait."""

MIN_CALLS = 10
"""Fewer selector calls seen say little about what the thread does all the time."""

TURNS_IN_KERNEL = 0.2
"""A loop of system calls that return at once spends a fifth of its time and more in the kernel."""


def check(busy: BusyThreads, spins: Spins, others: Others) -> Outcome:
    """Found for each thread without a loop that burns CPU on a question."""
    if busy.looks < MIN_LOOKS:
        return Unsure(f"{busy.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = blamed(others) | {(one.pid, one.thread) for one in spins.threads if _waits(one)}
    burning = [one for one in busy.threads if not one.is_loop and _burns(one) and (one.pid, one.name) not in told]
    blind = [one.name for one in burning if not one.repeats.of]
    polling = [one for one in burning if _polls(one)]
    if polling:
        return Found(tuple(map(_finding, polling)))
    if blind:
        return Unsure(f"what the frames of {', '.join(blind)} hold could not be read")
    return Clear(_looked_at(burning))


def _looked_at(burning: list[BusyThread]) -> str:
    told = [f"{one.name}: {one.repeats} showed nothing new, {one.asks} a question" for one in burning]
    return "; ".join(told) or f"no thread without an event loop wanted {MIN_WANTED} cores without sleeping"


def _burns(one: BusyThread) -> bool:
    return one.wanted_cores >= MIN_WANTED and one.cores >= MIN_CORES and one.asleep.ratio <= MAX_ASLEEP


def _waits(one: Spin) -> bool:
    """Whether it asks a selector that it gives time to wait: not to wait is not its own choice then."""
    return one.waits.of >= MIN_CALLS and one.waits.low >= MIN_WAITS


def _polls(one: BusyThread) -> bool:
    turns = one.turns >= MIN_TURNS or one.still.ratio <= MOST_STILL or one.system_share >= TURNS_IN_KERNEL
    return turns and one.repeats.low >= MIN_REPEATS and one.asks.low >= MIN_ASKS


def _finding(one: BusyThread) -> Finding:
    asked = ", ".join(one.asked)
    culprit = one.asking_site.culprit if one.asking_site else Culprit(pid=one.pid, thread=one.name)
    return Finding(
        claim=f"{culprit.function or 'thread ' + one.name} asks again and again without waiting ({asked}): thread "
        f"{one.name} burns {one.cores:.2f} cores, and nothing that it can see changes",
        severity="critical",
        confidence="high" if one.caught or one.turns >= MIN_TURNS else "medium",
        cost=Cost(cores=one.cores),
        culprit=culprit,
        evidence=_evidence(one, asked),
        against=("it may count on something that cannot be read from outside, such as the state of native code",),
        fix=(
            "Let the thread sleep until there is something to do: a blocking get(), Event.wait(), Condition.wait() or "
            "a select with a timeout above zero; where that cannot be, pause between two questions.",
        ),
        now=("The spin ends when what it asks for happens.",),
        explains="the core that is burned, and a delay of some milliseconds for every thread that needs the GIL",
        would_change="a variable of this thread that changes from look to look",
    )


def _evidence(one: BusyThread, asked: str) -> tuple[Figure, ...]:
    return (
        Figure("thread_cores", f"CPU of thread {one.name}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        Figure("wanted", "the same with time in the run queue", round(one.wanted_cores, 2), "cores", "schedstat"),
        Figure("repeats", "looks in which all frames hold what they held before", str(one.repeats), "", "locals"),
        Figure("asks", "looks that show a question", str(one.asks), "", "stacks and source"),
        Figure("asked", "what it calls or stands at", asked, "", "stacks and source"),
        Figure("turns", "times that the stack stood elsewhere than before", one.turns, "times", "stacks"),
        Figure("system", "share of its CPU in system calls", round(one.system_share, 2), "", "/proc/PID/task/TID/stat"),
        Figure("asleep", "looks in which it slept", str(one.asleep), "", "/proc/PID/task/TID/syscall"),
    )


RULE = Rule(
    slug="polling-thread",
    title="A thread asks without waiting",
    needs=(BusyThreads, Spins, Others),
    check=check,
    page=__doc__,
    explains=("gil-contention", "single-core-ceiling"),
)
