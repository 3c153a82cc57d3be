"""A thread that is no event loop asks again and again whether something has happened.

## What we saw
A thread used, or queued for, half a core or more and hardly slept (or napped a thousand times a second). It went round
in one loop, and at the lines of that loop, and of the functions that it calls, it was met only where something is
asked: a condition, a variable that a condition looks at, a call that failed with "not yet" (`queue.Empty`,
`BlockingIOError`). The same few stacks came back. What would be done if the answer were another was not reached. And
next to nothing that its code can see changed.

## Why it hurts
A core is gone for nothing. Inside a Python process it also holds the GIL most of the time, so every other thread waits
up to 5 ms for each turn.

## What to do
Let the thread sleep until there is something to do: `queue.get()` with a timeout instead of `get_nowait()`,
`Event.wait(timeout)` instead of `is_set()`, `select` with a timeout above zero, `Condition.wait()`, `future.result()`.
Where nothing can be waited on, poll with a pause (`time.sleep(0.05)`).

## False alarms
A thread that computes is met at lines that work, or changes what it holds in every look: sums, positions, sizes. Such a
thread is `hot-thread`. The little that comes in for a poller to do (some events a second) changes what it holds now and
then. A computation in native code that hides both what it does and that it gets on, behind a name that sounds like a
question and a result that is looked at, would be taken for a poller.

## Missed alarms
A loop of which the source cannot be read, or that is spread over functions that call each other. A question that is
put to native code under a name that tells nothing. The thread is still named, as information, by `hot-thread`.
"""

from __future__ import annotations

from spindoctor.model.burning import BusyThread, BusyThreads, blamed
from spindoctor.model.facts import Others
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.spinning import Spin, Spins
from spindoctor.model.traced import traced_figures

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

MOSTLY_ASKS = 0.9
"""Lower bound. Who is met at the question in nine looks of ten does nothing else, whatever the answer is made of."""

MIN_REPEATS_ASKING = 0.2
"""Lower bound, for those: what is made anew to ask with (a selector, a deadline) differs wherever a look meets it."""

MIN_ASKS = 0.2
"""Lower bound. Beside the question there is the way back to it, and what it takes to call a function."""

MAX_WORKS = 0.1
"""Who only asks is not met at work; a few events a second, and a torn look, may be."""

MIN_TURNS = 5
"""The stack stood elsewhere five times: it goes round."""

MOST_WAYS = 0.4
"""Different stacks, of the looks at it: one question leads the same few ways (a third, at most, of 43 pollers'); what a
library is asked to do, such as to run the next test, leads another way nearly each time (half and more)."""

MOST_STILL = 0.97
"""Several instructions of one line are a circle too; a single one is a native call (`native-hot`)."""

MIN_WAITS = 0.5
"""Lower bound: of the selector calls seen, half were given time to wait."""

MIN_CALLS = 10
"""Fewer selector calls seen say little about what the thread does all the time."""

TURNS_IN_KERNEL = 0.2
"""A loop of system calls that return at once spends a fifth of its time and more in the kernel."""

NAPS_PER_S = 1000.0
"""Woken a thousand times a second, a thread waits less than a millisecond each time: that is no waiting."""

MIN_NAPPING_CORES = 0.05
"""A queue that is asked with a timeout of 0.1 ms takes a tenth of a core; below half of that it is not worth a line."""


def check(busy: BusyThreads, spins: Spins, others: Others) -> Outcome:
    """Found for each thread without a loop that burns CPU on a question."""
    if busy.looks < MIN_LOOKS:
        return Unsure(f"{busy.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = blamed(others) | {(one.pid, one.thread) for one in spins.threads if _waits(one)}
    burning = [one for one in busy.threads if not one.is_loop and _burns(one) and (one.pid, one.name) not in told]
    polling = [one for one in burning if _polls(one)]
    if polling:
        return Found(tuple(map(_finding, polling)))
    blind = [one.name for one in burning if not one.repeats.of]
    if blind:
        return Unsure(f"what the frames of {', '.join(blind)} hold could not be read")
    lost = [one.name for one in burning if not one.asks.of and one.repeats.low >= MIN_REPEATS]
    if lost:
        return Unsure(f"nothing changes in {', '.join(lost)}, but the source of a loop that it is in was not found")
    uncounted = [one.name for one in busy.threads if one.sleeps_per_s is None and _may_nap(one) and _polls(one)]
    if uncounted:
        return Unsure(f"{', '.join(uncounted)} asked again and again and ended: how often it slept was not counted")
    return Clear(_looked_at(burning))


def _looked_at(burning: list[BusyThread]) -> str:
    told = [
        f"{one.name}: {one.repeats} showed nothing new, {one.asks} a question, {one.works} work"
        for one in burning
        if one.asks.of
    ]
    told += [f"{one.name}: in no loop of which the source is known" for one in burning if not one.asks.of]
    return "; ".join(told) or f"no thread without an event loop wanted {MIN_WANTED} cores without sleeping"


def _burns(one: BusyThread) -> bool:
    never_waits = one.wanted_cores >= MIN_WANTED and one.asleep.ratio <= MAX_ASLEEP
    naps = one.sleeps_per_s is not None and one.sleeps_per_s >= NAPS_PER_S
    return one.cores >= (MIN_NAPPING_CORES if naps else MIN_CORES) and (never_waits or naps)


def _may_nap(one: BusyThread) -> bool:
    """Whether it would burn if it were woken often."""
    return not one.is_loop and not _burns(one) and one.cores >= MIN_NAPPING_CORES


def _waits(one: Spin) -> bool:
    """Whether it asks a selector that it gives time to wait: not to wait is not its own choice then."""
    return one.waits.of >= MIN_CALLS and one.waits.low >= MIN_WAITS


def _polls(one: BusyThread) -> bool:
    turns = one.turns >= MIN_TURNS or one.still.ratio <= MOST_STILL or one.system_share >= TURNS_IN_KERNEL
    asks = one.asks.low >= MIN_ASKS and one.works.ratio <= MAX_WORKS and one.ways.ratio <= MOST_WAYS
    needed = MIN_REPEATS_ASKING if one.asks.low >= MOSTLY_ASKS else MIN_REPEATS
    return turns and asks and one.repeats.low >= needed


def _finding(one: BusyThread) -> Finding:
    asked = ", ".join(one.asked)
    culprit = one.asking_site.culprit if one.asking_site else Culprit(pid=one.pid, thread=one.name)
    return Finding(
        claim=f"{culprit.function or 'thread ' + one.name} asks again and again without waiting ({asked}): thread "
        f"{one.name} burns {one.cores:.2f} cores, and {_changes(one)}",
        severity="critical" if one.cores >= MIN_CORES else "warning",
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


def _changes(one: BusyThread) -> str:
    return "nothing that it can see changes" if one.repeats.low >= MIN_REPEATS else "does nothing else"


def _evidence(one: BusyThread, asked: str) -> tuple[Figure, ...]:
    return (
        Figure("thread_cores", f"CPU of thread {one.name}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        Figure("wanted", "the same with time in the run queue", round(one.wanted_cores, 2), "cores", "schedstat"),
        Figure("repeats", "looks in which all frames hold what they held before", str(one.repeats), "", "locals"),
        Figure("asks", "looks at a question, of those in its loop", str(one.asks), "", "stacks and source"),
        Figure("works", "looks at work", str(one.works), "", "stacks and source"),
        Figure("asked", "what it calls or stands at", asked, "", "stacks and source"),
        Figure("ways", "different stacks among these looks", str(one.ways), "", "stacks"),
        Figure("turns", "times that the stack stood elsewhere than before", one.turns, "times", "stacks"),
        Figure("system", "share of its CPU in system calls", round(one.system_share, 2), "", "/proc/PID/task/TID/stat"),
        Figure("asleep", "looks in which it slept", str(one.asleep), "", "/proc/PID/task/TID/syscall"),
        *traced_figures(one.traced),
    )


RULE = Rule(
    slug="polling-thread",
    title="A thread asks without waiting",
    needs=(BusyThreads, Spins, Others),
    check=check,
    page=__doc__,
    explains=("gil-contention", "single-core-ceiling"),
)
