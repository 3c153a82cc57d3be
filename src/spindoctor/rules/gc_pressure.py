"""The garbage collector takes a large share of a thread's CPU.

## What we saw
In many of the looks that met a thread on the CPU, the interpreter was inside a run of the cyclic garbage collector, and
it was this thread that ran it. Whether the code asks for collections itself, or they come by themselves, shows by the
line at which they run.

## Why it hurts
A collection goes through all objects that can hold others, and keeps the GIL until it is done: the whole process stands
still. The more a service keeps in memory, the longer each full collection takes.

## What to do
Where the code calls `gc.collect()`: leave it out of requests and loops. Where collections come by themselves: make
fewer objects that live long, call `gc.freeze()` once the service has started, or raise `gc.set_threshold`.

## False alarms
A few percent are normal. A share counts only from a seventh of the thread's CPU on, and from a tenth of a core.

## Missed alarms
Rare long pauses with little CPU in all. Memory that is freed by reference counting is no collection and not counted.
"""

from __future__ import annotations

from spindoctor.model.collector import Collector, Collectors
from spindoctor.model.heap import Heap
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.share import Share

MIN_LOOKS = 50
"""Below this a share of 15 % cannot be told from 30 %."""

MIN_SHARE = 0.15
"""Lower bound. Services with ordinary heaps spend two to ten percent; above that less collecting is worth the work."""

MIN_CORES = 0.1
"""A large share of next to nothing burns nothing."""

SEVERE_SHARE = 0.5
"""Half of the CPU goes into looking for garbage: more than into the work."""

ASKED_SHARE = 0.5
"""Most of its collections stand at a line that asks for them."""


def check(collectors: Collectors) -> Outcome:
    """Found for each thread that spends a large share of its CPU on collections."""
    if collectors.looks < MIN_LOOKS:
        return Unsure(f"{collectors.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [finding for mine in _by_process(collectors) for finding in _of_process(mine)]
    if findings:
        return Found(tuple(findings))
    told = "; ".join(
        f"{one.name} of {one.pid}: {one.inside} on the CPU in a collection" for one in collectors.collectors
    )
    return Clear(told or f"no collection was met in {collectors.looks} looks")


def _by_process(collectors: Collectors) -> list[list[Collector]]:
    pids = dict.fromkeys(one.pid for one in collectors.collectors)
    return [[one for one in collectors.collectors if one.pid == pid] for pid in pids]


def _of_process(mine: list[Collector]) -> list[Finding]:
    """One finding where the threads together collect too much: whichever allocates next runs the collection."""
    inside = Share(sum(one.inside.count for one in mine), sum(one.inside.of for one in mine))
    cores = sum(_cost(one) for one in mine)
    if len(mine) > 1 and inside.low >= MIN_SHARE and cores >= MIN_CORES:
        where = f"{len(mine)} threads of pid {mine[0].pid}"
        others = tuple(one.site.culprit for one in mine[1:])
        return [_finding(mine[0], inside, cores, where, others)]
    heavy = [one for one in mine if one.inside.low >= MIN_SHARE and _cost(one) >= MIN_CORES]
    return [_finding(one, one.inside, _cost(one), f"{one.name}, pid {one.pid}", ()) for one in heavy]


def _cost(one: Collector) -> float:
    """Its part of the thread's CPU; no more than of the time, for most of that CPU may be native code's."""
    share = one.inside.count / one.looks if one.looks else 1.0
    return min(one.cores * one.inside.ratio, share)


def _finding(one: Collector, inside: Share, cores: float, where: str, others: tuple[Culprit, ...]) -> Finding:
    is_asked = one.asked.ratio >= ASKED_SHARE
    why = "asks for garbage collections" if is_asked else "runs into garbage collections"
    return Finding(
        claim=f"{one.site.culprit.function} {why} that take {inside} on the CPU of {where}",
        severity="critical" if inside.ratio >= SEVERE_SHARE else "warning",
        confidence="high",
        cost=Cost(
            cores=cores,
            loop_share=one.inside.ratio * min(1.0, one.cores) if one.is_loop else 0.0,
            delay_s=one.longest_s,
        ),
        culprit=one.site.culprit,
        culprits=others,
        evidence=_evidence(one, inside),
        against=() if is_asked else ("the line is where collections were met, not what made the objects",),
        fix=_fix(is_asked=is_asked),
        explains="the CPU that goes into the collector, and pauses in which the whole process stands still",
        would_change="looks on the CPU outside of collections",
    )


def _evidence(one: Collector, inside: Share) -> tuple[Figure, ...]:
    met = "unbroken runs of looks inside collections" if one.are_joined else "separate collections that were met"
    longest = "a full collection took about, on average" if one.are_joined else "longest collection that was seen"
    figures = [
        Figure("inside", "looks on the CPU inside a collection", str(inside), "", "interpreter and stacks"),
        Figure("pauses", met, one.pauses, "collections", "interpreter"),
        Figure("longest", longest, round(one.longest_s, 3), "s", "interpreter"),
        Figure("asked", "of these looks, at a line that asks for it", str(one.asked), "", "stacks and source"),
        Figure("thread_cores", f"CPU of thread {one.name}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
    ]
    if one.collections:
        counts = ", ".join(map(str, one.collections))
        figures.append(Figure("collections", "collections by generation, youngest first", counts, "", "interpreter"))
    return (*figures, *_of_heap(one.heap))


def _of_heap(heap: Heap | None) -> tuple[Figure, ...]:
    """How much the collector has to go through, and when it comes again."""
    if heap is None:
        return ()
    pairs = ", ".join(f"{count} of {most}" for count, most in zip(heap.counts, heap.thresholds, strict=True))
    figures = [Figure("generations", "what makes each generation's next collection come", pairs, "", "interpreter")]
    if heap.live is not None:
        figures.append(Figure("live", "objects that the collector goes through", heap.live, "objects", "interpreter"))
    if heap.survivors is not None and heap.survivors + (heap.pending or 0):
        told = f"{heap.survivors} and {heap.pending or 0}"
        figures.append(
            Figure(
                "survivors",
                "objects that the last full collection left, and that wait for it",
                told,
                "",
                "interpreter",
            )
        )
    return tuple(figures)


def _fix(*, is_asked: bool) -> tuple[str, ...]:
    if is_asked:
        return ("Leave gc.collect() out of requests and loops; the collector runs by itself.",)
    return ("Keep fewer objects for long, call gc.freeze() once the service has started, or raise gc.set_threshold().",)


RULE = Rule(
    slug="gc-pressure",
    title="The garbage collector takes a large share",
    needs=(Collectors,),
    check=check,
    page=__doc__,
    explains=("unyielding-coroutine", "cpu-bound-on-loop", "gil-contention", "single-core-ceiling"),
)
