"""Other processes or the hypervisor take the CPU.

## What we saw
A thread of the service was ready to run and got no CPU for a large part of the look, while processes outside of the
service (or the machine's host: steal) used it.

## Why it hurts
Everything takes longer by the time in the queue, and no line of the service is to blame.

## What to do
Move one of them elsewhere, or give them weights (`nice`, `cpu.weight`) and cores of their own (`taskset`, `cpuset`).
Steal is the provider's matter: ask for another host.

## False alarms
A service that fills the cores with its own threads queues for itself: others must have used what it lacked. A quota
that stops it is `cpu-throttled`. A shorter wait is told as information.

## Missed alarms
Neighbours in another container of which nothing shows here are counted by the machine, but not named.
"""

from __future__ import annotations

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.surroundings import Queuer, Starvation

WORTH_TELLING = 0.2
"""A fifth of the time in the queue makes everything a quarter slower."""

SEVERE = 2 / 3
"""What two others that burn on the same core cost; one of them costs half, as at any shared machine."""

MIN_WANTED_CORES = 0.3
"""Who wants less than a third of a core is hardly slower for having waited."""

MIN_TAKEN_CORES = 0.3
"""What others (or the host) must have used of the CPU to be the reason."""

MIN_STOPPED = 0.05
"""From here on it is the quota that stops the threads; they count as queued meanwhile."""


def check(starvation: Starvation) -> Outcome:
    """Found where the busiest threads queue for a CPU that others have."""
    if starvation.others_cores is None:
        return Unsure("the CPU of the whole machine could not be read")
    wanting = [one for one in starvation.threads if one.wanted >= MIN_WANTED_CORES]
    longest = max(wanting, key=lambda one: one.waited, default=None)
    taken = max(starvation.others_cores, starvation.steal_cores or 0.0)
    told = f"others used {starvation.others_cores:.2f} of {starvation.cores} cores"
    if longest is None or longest.waited < WORTH_TELLING:
        return Clear(f"no thread that wanted a CPU queued for more than {WORTH_TELLING:.0%} of the time; {told}")
    if starvation.throttled.ratio >= MIN_STOPPED or taken < MIN_TAKEN_CORES or _is_own_crowd(starvation):
        return Clear(f"{longest.thread} queued {longest.waited:.0%} of the time, but not for others: {told}")
    return Found((_finding(starvation, longest),))


def _is_own_crowd(starvation: Starvation) -> bool:
    """Whether the service had nearly all the cores that it may use: then its threads queue behind each other."""
    return starvation.own_cores >= 0.9 * starvation.allowed_cores


def _who(starvation: Starvation) -> str:
    told = ", ".join(f"{one.name} (pid {one.pid}) {one.cores:.2f}" for one in starvation.neighbours)
    steal = f"the host took {starvation.steal_cores:.2f}" if (starvation.steal_cores or 0.0) >= WORTH_TELLING else ""
    return "; ".join(one for one in (told, steal) if one) or "nobody who shows here"


def _finding(starvation: Starvation, longest: Queuer) -> Finding:
    culprit = longest.site.culprit if longest.site else Culprit(pid=longest.pid, thread=longest.thread)
    return Finding(
        claim=f"{longest.thread} of pid {longest.pid} was ready to run and got no CPU for {longest.waited:.0%} of the "
        f"time; others used {starvation.others_cores:.2f} of {starvation.cores} cores: {_who(starvation)}",
        severity="warning" if longest.waited >= SEVERE else "info",
        confidence="high",
        cost=Cost(time_share=longest.waited),
        culprit=culprit,
        evidence=(
            Figure("waited", "runnable without a CPU", round(longest.waited, 2), "of the time", "schedstat"),
            Figure("cores", "what that thread got", round(longest.cores, 2), "cores", "schedstat"),
            Figure("own", "CPU of the whole service", round(starvation.own_cores, 2), "cores", "/proc/PID/stat"),
            Figure("others", "CPU of all others", round(starvation.others_cores or 0.0, 2), "cores", "/proc/stat"),
            Figure("steal", "CPU that the host took", round(starvation.steal_cores or 0.0, 2), "cores", "/proc/stat"),
            Figure("neighbours", "the busiest others", _who(starvation), "", "/proc/PID/stat"),
        ),
        fix=(
            "Move one of them elsewhere, or give them weights (nice, cpu.weight) or cores of their own (cpuset).",
            "Steal is the provider's matter: ask for another host.",
        ),
        now=("Requests take longer by the time in the queue.",),
        explains="a service that is slower than its own CPU use explains",
        would_change="a look in which its threads run as soon as they are ready",
    )


RULE = Rule(
    slug="cpu-starved",
    title="Others take the CPU",
    needs=(Starvation,),
    check=check,
    page=__doc__,
)
