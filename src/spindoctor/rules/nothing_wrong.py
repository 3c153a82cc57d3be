"""No sign of anything wrong, while the service did enough work to say so.

## What we saw
The service worked during the look (it used CPU, or requests were in progress), and no mechanism was found that burns
CPU or holds requests up. Where requests slept at one line for a second and more, neither at a connection nor for the
clock, that line is named: what they wait for there could not be told.

## Why it hurts
It does not. This is said as information, with what was looked at.

## What to do
If it was slow a moment ago, look again while it is slow. If it is slow all the same, what it waits for lies outside.

## False alarms
Requests that wait for seconds by right, such as long polls, are named like those that hang. A mechanism that did not
happen to show during these seconds. Where every request in progress stood at one await all the time, nothing is said:
whether they hang or wait by right cannot be told. Requests that are kept in a shape nobody knows are not counted: then
the work that was seen is told (CPU, tasks, looks in which a thread ran), and that no request showed.

## Missed alarms
A service without load shows nothing: then the answer is "no load: nothing to diagnose" (or "little load", where it is
woken often and for next to nothing), not that all is well. Nor is it said of a service whose processes begin and end
one after the other. Worker processes that sleep in the service's own code all the time have a load, and nobody can say
from their side whether more waits for them: they are named. Clients that have asked and got no answer are told all the
same; what a suspended greenlet waits for is not read. A thread that burns a core by right is named, not judged.
"""

from __future__ import annotations

from spindoctor.model.burning import BusyThread, BusyThreads, blamed
from spindoctor.model.counting import count
from spindoctor.model.facts import Load, Others, Site
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

TIMERS_WAKE = 0.2
"""Servers without a client wake ten times a second for their timers, in one look of ten; more is somebody's work."""

MANY_ENDED = 3
"""One worker that is replaced, or two at a reload, end by right."""

IDLE_CORES = 0.02
"""An idle event loop with a few timers stays below 2 % of a core."""


BURNS_CORES = 0.5
"""Used or queued for outside an event loop: half a core is what someone asks about, and is never passed over."""

RESTLESS_CORES = 0.9
"""A loop that never sleeps uses or queues for all of a core; looks and clocks take a little."""

MIN_REQUESTS = 0.5
"""A loop that is full without a request in progress in every second look works for nobody that shows."""

LATE_S = 1.0
"""A second is where a user's flow of thought breaks (Nielsen 1993, Usability Engineering, chapter 5)."""

MIN_CORES = 0.15
"""A thread that only queues for a CPU burns nothing."""


def check(load: Load, busy: BusyThreads, others: Others) -> Outcome:
    """Information that all is well, where there was load and nobody else found a fault."""
    if found := _found(others):
        return Clear(found)
    if too_little := _come_and_gone(load) or _unusable(load) or _signs(others):
        return Unsure(too_little)
    if not any(isinstance(outcome, Clear | Found) for outcome in others.outcomes.values()):
        return Unsure(f"nothing else could be judged: {', '.join(others.outcomes)}")
    burning = [one for one in busy.threads if _burns(one)]
    told = blamed(others)
    open_ones = [one for one in burning if (one.pid, one.name) not in told]
    if open_ones:
        return Unsure(f"{_names(open_ones)}, and nothing that was found says why; look again for longer (--seconds)")
    restless = [one for one in busy.threads if _is_restless(one, load)]
    if restless:
        unsure = [slug for slug, outcome in others.outcomes.items() if isinstance(outcome, Unsure)]
        why = f"; not judged: {', '.join(unsure)}" if unsure else ""
        return Unsure(
            f"{_names(restless)} and never rests, with {load.requests:.1f} tasks and threads at work for "
            f"requests{_late(load)}{why}"
        )
    return Found((_finding(load, burning, others),))


def _late(load: Load) -> str:
    return f" and timers up to {load.late_s:.3f} s late" if load.late_s else ""


def _found(others: Others) -> str:
    """What others found that speaks against a clean bill of health; empty where nothing does."""
    faults = [slug for slug, outcome in others.outcomes.items() if _is_fault(outcome)]
    if faults:
        return f"something is wrong: {', '.join(faults)}"
    waits = [slug for slug, outcome in others.outcomes.items() if _makes_wait(outcome)]
    return f"no fault, but callers wait: {', '.join(waits)}" if waits else ""


def _unusable(load: Load) -> str:
    """Why this load allows no clean bill of health; empty where it does."""
    if load.queued:
        return (
            f"{_queue(load.queued)} to be accepted and nothing that was found says why: whoever accepts them "
            f"is busy or stuck ({load.cores:.2f} cores, {load.requests:.1f} tasks and threads at work for requests); "
            "what its threads do "
            "is shown by: spindoctor dump"
        )
    if burning := [one for one in load.newborn if one.cores >= BURNS_CORES]:
        return (
            f"process {burning[0].pid} began during the look as a child of this service, used {burning[0].cores:.2f} "
            f"cores and was not looked at: spindoctor diagnose {burning[0].pid}"
        )
    if load.standing:
        return (
            f"{count(load.standing, 'request')} in progress, and none of them moved during the look: long polls do "
            "that by right, and so do requests that hang; where each of them waits is shown by: spindoctor dump --tasks"
        )
    if load.employed:
        return _never_free(load)
    owed = _owed(load) if not load.requests and (load.cores < IDLE_CORES or not load.tasks) else ""
    if owed or (load.cores < IDLE_CORES and not load.requests):
        return owed or (
            f"{_how_little(load)}: nothing to diagnose ({load.cores:.3f} cores, a thread ran in {load.active_looks}, "
            f"no request in progress in the looks, connections: {_connections(load)}, tasks: {load.tasks}); look "
            "again while it is in use"
        )
    return ""


def _come_and_gone(load: Load) -> str:
    """What is said of workers that end one after the other; empty where none do."""
    if load.short_lived < MANY_ENDED:
        return ""
    return (
        f"{count(load.short_lived, 'process', 'processes')} of this service began during the look and ended again: "
        "workers that are started anew again and again say in their log why they end; such are those, too, that are "
        "made for one piece of work each"
    )


def _queue(queued: int) -> str:
    return f"{count(queued, 'connection')} {'waits' if queued == 1 else 'wait'}"


def _never_free(load: Load) -> str:
    """What is said of workers that are at work all the time."""
    places = ", ".join(_stood(one) for one in load.employed_at)
    who = "the only worker process is" if load.employed == 1 else f"all {load.employed} worker processes are"
    return (
        f"{who} at work all the time and mostly asleep ({load.cores:.3f} cores), at {places}; whether more work waits "
        "for them is kept where it was not seen: in a broker, or in the process that hands it out"
    )


def _stood(site: Site) -> str:
    calls = ", ".join(name for name, _ in site.calls)
    where = f"{site.culprit.function} ({site.culprit.file}:{site.culprit.line})" + (f" in {calls}" if calls else "")
    return f"{where} in {site.share}, up to {site.longest_s:.1f} s at a time"


def _owed(load: Load) -> str:
    """What is said of clients that wait though no request shows; empty where there are none."""
    late_s = [one for one in load.owed_s if one >= LATE_S]
    if not late_s:
        return ""
    return (
        f"{count(len(late_s), 'client')} sent something up to {late_s[0]:.1f} s before they were looked at and had got "
        f"no answer yet, while the service uses {load.cores:.3f} cores and no thread or task shows a request: what "
        "answers them waits where neither can be seen (on a loop whose tasks are not read, in a greenlet, in native "
        "code), or owes them nothing (long polls, messages that need no answer)"
    )


def _how_little(load: Load) -> str:
    return "little load" if load.active_looks.ratio >= TIMERS_WAKE else "no load"


def _signs(others: Others) -> str:
    """What was seen by those who could not judge it; empty where that was nothing."""
    signs = [one.why for one in others.outcomes.values() if isinstance(one, Unsure) and one.is_sign]
    return f"nothing that is certain was found, but {'; '.join(signs)}" if signs else ""


def _is_restless(one: BusyThread, load: Load) -> bool:
    """An event loop that burns its core with hardly a request to show for it."""
    return (
        one.is_loop and one.wanted_cores >= RESTLESS_CORES and one.cores >= MIN_CORES and load.requests < MIN_REQUESTS
    )


def _burns(one: BusyThread) -> bool:
    return not one.is_loop and one.wanted_cores >= BURNS_CORES and one.cores >= MIN_CORES


def _names(threads: list[BusyThread]) -> str:
    return ", ".join(f"thread {one.name} of process {one.pid} uses {one.cores:.2f} cores" for one in threads)


def _is_fault(outcome: Outcome) -> bool:
    return isinstance(outcome, Found) and any(finding.severity != "info" for finding in outcome.findings)


def _makes_wait(outcome: Outcome) -> bool:
    return isinstance(outcome, Found) and any(finding.cost.waiting for finding in outcome.findings)


def _finding(load: Load, burning: list[BusyThread], others: Others) -> Finding:
    unsure = [slug for slug, outcome in others.outcomes.items() if isinstance(outcome, Unsure)]
    cleared = sum(isinstance(outcome, Clear) for outcome in others.outcomes.values())
    return Finding(
        claim=f"{_head(burning, load)}: {_seen(load)}; {cleared} mechanisms looked for and not found",
        severity="info",
        confidence="medium" if unsure or burning or load.stands else "high",
        cost=Cost(),
        culprit=load.stands[0].culprit if load.stands else Culprit(),
        culprits=tuple(one.culprit for one in load.stands[1:]),
        evidence=(
            Figure("cores", "CPU of the whole service", round(load.cores, 2), "cores", "/proc/PID/task/TID/stat"),
            Figure("requests", "tasks and threads at work for requests", round(load.requests, 1), "", "tasks, threads"),
            Figure("tasks", "tasks pending at the last look", load.tasks, "tasks", "tasks"),
            Figure(
                "connections",
                "connections to its ports, established at one moment",
                _connections(load),
                "" if load.connections is None else "connections",
                "/proc/PID/net",
            ),
            Figure("active", "looks in which a thread ran", str(load.active_looks), "", "/proc/PID/task/TID/schedstat"),
            *_lateness(load),
            *(
                Figure(f"stands_{number}", f"looks at requests, at {_place(one)}", str(one.share), "", "stacks")
                for number, one in enumerate(load.stands)
            ),
        ),
        against=tuple(f"{slug} could not be judged" for slug in unsure),
        explains="that these seconds show no cause inside the service" if not load.stands else "where requests wait",
        would_change="a look while it is slow",
    )


def _lateness(load: Load) -> tuple[Figure, ...]:
    if load.late_s is None:
        return ()
    return (
        Figure("late", "the first timer of an event loop was late by at most", round(load.late_s, 3), "s", "timers"),
    )


def _connections(load: Load) -> int | str:
    return "not known" if load.connections is None else load.connections


def _seen(load: Load) -> str:
    """The load that showed. Without a request it may have worked for requests of a kind that is not recognised."""
    if load.requests:
        return f"{load.cores:.2f} cores, {load.requests:.1f} tasks and threads at work for requests on average"
    return (
        f"{load.cores:.2f} cores, {load.tasks} tasks, a thread ran in {load.active_looks}; "
        "no request was recognised in progress"
    )


def _place(site: Site) -> str:
    return f"{site.culprit.function}:{site.culprit.line}"


def _head(burning: list[BusyThread], load: Load) -> str:
    if load.stands:
        long = ", ".join(f"{_place(one)} (up to {one.longest_s:.1f} s)" for one in load.stands)
        return f"no fault was found, but requests wait at {long} for something that could not be told"
    if burning:
        return f"no fault was found, but {_names(burning)}; whether by right is for you to say"
    return "no sign of anything wrong while it worked"


RULE = Rule(
    slug="nothing-wrong",
    title="Nothing wrong found while it worked",
    needs=(Load, BusyThreads, Others),
    check=check,
    page=__doc__,
)
