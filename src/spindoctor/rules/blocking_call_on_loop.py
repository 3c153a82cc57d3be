"""A blocking call holds the event loop's thread.

## What we saw
The loop's thread was off the CPU *inside* a callback: asleep in a system call that the callback made (a sleep, a read
from a socket, a lock, another process), not in the loop's selector. While it sleeps, nothing else on that loop runs.

## Why it hurts
Every other request of this process waits as long as the call takes, however little CPU it uses.

## What to do
Use the asynchronous form of the call (`await asyncio.sleep`, an async client), or hand the call to a thread
(`asyncio.to_thread`, `run_in_executor`) and give it a timeout. With greenlets: patch the modules first of all.

## False alarms
Waiting for the GIL also sleeps on a futex; it is told apart by the futex's address and belongs to `gil-contention`.
Single looks in which a file read waits for the disk stay below the threshold: a twentieth of the looks at one line, a
fifth at many lines together.
A loop that runs whole scripts for their sender (a notebook's cells) keeps nobody waiting where nothing else is due.

## Missed alarms
Calls that are shorter than a few milliseconds and rare. Short ones that come one after the other (a query, a write to
disk for each line) are told where one function spends a fifth of the loop's time asleep in them. A call that burns CPU
instead of waiting is `cpu-bound-on-loop`.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.counting import count
from spindoctor.model.facts import Loop, Loops, Site
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.share import Share
from spindoctor.model.tasks import HUB

OWN_RESULT = (
    "Where it waits for a result that a task of this very loop has to bring (run_coroutine_threadsafe(...).result()), "
    "it never comes: await that task instead."
)
"""What helps where a wait for somebody else in the process has no end."""

MIN_LOOKS = 50
"""Below this a share of 5 % cannot be told from 15 %."""

MIN_SHARE = 0.05
"""A loop that is held 5 % of the time adds latency that users notice."""

LONG_S = 0.1
"""One wait that was met in ten looks in a row is no matter of chance: how long it held the loop was seen."""

SCATTERED_SHARE = 0.2
"""Held a fifth of the time at many places, none of which reaches the share for itself: such as one query a line."""

MET_AGAIN = 5
"""Looks that met a sleep at the function itself: one in sixty, of three seconds, is not one file read by chance."""

CLOCKS = "stacks, /proc/PID/task/TID/schedstat"
"""Where the time asleep comes from."""

SEVERE_SHARE = 0.5
"""Held half of the time a loop serves less than half of what it could."""

FIX = "Use the asynchronous form of this call, or hand it to a thread (to_thread, run_in_executor) with a timeout."
"""What cures it on an event loop."""

OTHERS = "Other workers go on serving. "
"""True only of a service with more workers than this one."""

FIX_OF_GREENLETS = (
    "Patch the modules before anything else is imported (monkey patching), so that this call gives way to other "
    "greenlets; hand what cannot be patched (drivers written in C) to the hub's thread pool."
)
"""What cures it under a hub."""


def check(loops: Loops) -> Outcome:
    """Found for each place at which a loop's thread waits inside a callback."""
    enough = [loop for loop in loops.loops if loop.looks >= MIN_LOOKS]
    if not enough:
        return Unsure(f"{loops.most} looks at a loop's thread; {MIN_LOOKS} are needed: look for longer (--seconds)")
    judged = [loop for loop in enough if not loop.runs_script]
    findings = [finding for loop in judged for finding in (_at_places(loop) or _scattered(loop) or _short(loop))]
    if findings:
        told = [replace(one, now=(_now(loops, one),)) for one in findings]
        return Found(tuple(sorted(told, key=lambda one: one.cost.loop_share, reverse=True)))
    return Clear(
        "; ".join(f"{loop.thread} of {loop.pid} waited inside a callback in {loop.waiting}" for loop in enough)
    )


def _now(loops: Loops, one: Finding) -> str:
    """What goes on and what waits; other workers are told of only where the service has some."""
    has_others = one.culprit.pid in loops.workers and len(loops.workers) > 1
    ends = "; it did not return while it was looked at, and may never" if one.against else ""
    return f"{OTHERS if has_others else ''}Requests that this process has accepted wait until the call returns{ends}."


def _at_places(loop: Loop) -> list[Finding]:
    return [_finding(loop, site) for site in loop.waits if site.share.low >= MIN_SHARE or _is_long(site)]


def _is_long(site: Site) -> bool:
    """Whether single waits, of which looks can tell how long they were, hold the loop for that share of the time."""
    return site.share.ratio >= MIN_SHARE and site.longest_s >= LONG_S


def _scattered(loop: Loop) -> list[Finding]:
    """One finding for many places, at the one seen most, with the share of all."""
    if loop.waiting.low < SCATTERED_SHARE or not loop.waits:
        return []
    most = _finding(loop, loop.waits[0])
    return [
        replace(
            most,
            claim=f"calls at many places block the event loop of {loop.thread} (pid {loop.pid}) in {loop.waiting}; "
            f"most often {loop.waits[0].culprit.function}, in {loop.waits[0].share}",
            severity=_severity(loop.waiting),
            cost=replace(most.cost, loop_share=loop.waiting.ratio),
            culprits=tuple(site.culprit for site in loop.waits[1:]),
        )
    ]


def _short(loop: Loop) -> list[Finding]:
    """One finding for calls too short to be met often, at the function that most looks inside callbacks met.

    How long they hold the loop is told by clocks: of the time inside callbacks, what was spent neither on a CPU nor in
    the queue for one.
    """
    main = loop.profile[0] if loop.profile else None
    met = [site for site in loop.waits if main and _code(site) == _code(main) and site.share.count >= MET_AGAIN]
    asleep = loop.computing.ratio + loop.spinning.ratio + loop.waiting.ratio - loop.wanted_cores
    certain = asleep - (loop.computing.ratio - loop.computing.low)
    if main is None or not met or certain < SCATTERED_SHARE or 2 * main.share.count < loop.computing.count:
        return []
    calls = ", ".join(name for name, _ in met[0].calls)
    sleeps = f", {loop.sleeps_per_s:,.0f} sleeps a second" if loop.sleeps_per_s else ""
    return [
        replace(
            _finding(loop, met[0]),
            claim=f"{main.culprit.function} holds the event loop of {loop.thread} (pid {loop.pid}) in {main.share} "
            f"and is asleep for much of it, in calls too short to be met one by one ({calls}): {asleep:.0%} of the "
            f"time{sleeps}",
            severity="warning",
            cost=Cost(loop_share=asleep, delay_s=met[0].longest_s),
            culprits=tuple(site.culprit for site in met[1:]),
            evidence=(
                Figure("inside", "looks inside callbacks", str(loop.computing), "", "stacks"),
                Figure("asleep", "of the time, inside callbacks and off the CPU", round(asleep, 2), "", CLOCKS),
                *_finding(loop, met[0]).evidence,
            ),
            would_change="as much CPU as there is time inside callbacks",
        )
    ]


def _code(site: Site) -> tuple[str | None, str | None]:
    return site.culprit.file, site.culprit.function


def _severity(share: Share) -> Severity:
    return "critical" if share.ratio >= SEVERE_SHARE else "warning"


def _finding(loop: Loop, site: Site) -> Finding:
    calls = ", ".join(f"{name} ({count(many, 'look')})" for name, many in site.calls)
    where = site.culprit.function or "a callback"
    ongoing = loop.goes_on and site.longest_s >= loop.seconds * SEVERE_SHARE
    return Finding(
        claim=f"{where} blocks the event loop of {loop.thread} (pid {loop.pid}) in {site.share}: it waits in {calls}",
        severity=_severity(site.share),
        confidence="high" if loop.turns is not None else "medium",
        cost=Cost(loop_share=site.share.ratio, delay_s=site.longest_s),
        culprit=site.culprit,
        evidence=(
            Figure(
                "waiting",
                "looks with the loop's thread waiting at this place",
                str(site.share),
                "",
                "stacks and system calls",
            ),
            *_stays(site, knows_callbacks=loop.turns is not None),
            Figure("calls", "system calls it waits in", calls, "", "/proc/PID/task/TID/syscall"),
            Figure(
                "loop_cores",
                f"CPU of the loop's thread {loop.thread}",
                round(loop.cores, 2),
                "cores",
                "/proc/PID/task/TID/stat",
            ),
        ),
        against=("the longest was still going on when the look ended, so its end was not seen",) if ongoing else (),
        fix=(
            FIX_OF_GREENLETS if loop.loop_type == HUB else FIX,
            *_own_result(site, ongoing=ongoing),
        ),
        explains="every request of this process waits while the call lasts",
        would_change="a stack in which the loop's thread sleeps in its selector instead",
    )


def _own_result(site: Site, *, ongoing: bool) -> tuple[str, ...]:
    """What is said of a wait for another thread or task of which no look saw the end."""
    return (OWN_RESULT,) if ongoing and {name for name, _ in site.calls} == {"futex"} else ()


def _stays(site: Site, *, knows_callbacks: bool) -> tuple[Figure, Figure]:
    """One callback may wait many times in a row; where callbacks cannot be told apart, single waits are counted."""
    longest, separate, unit = (
        ("longest that one callback was seen to wait here", "callbacks seen to wait here", "callbacks")
        if knows_callbacks
        else ("longest single wait that was seen", "separate waits", "waits")
    )
    return (
        Figure("longest", longest, round(site.longest_s, 2), "s", "stacks, CPU clock"),
        Figure("waits", separate, site.episodes, unit, "stacks, CPU clock"),
    )


RULE = Rule(
    slug="blocking-call-on-loop",
    title="A blocking call holds the event loop",
    needs=(Loops,),
    check=check,
    page=__doc__,
)
