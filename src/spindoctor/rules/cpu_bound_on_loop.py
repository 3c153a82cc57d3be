"""Callbacks that compute for long hold the event loop.

## What we saw
The loop's thread was on the CPU, look after look inside the same run of one callback: it computes for many
milliseconds before it gives the loop back. Callbacks do end, and others get their turn, but late.

## Why it hurts
While one callback computes, every other request of this process waits. One request's work becomes everybody's latency.

## What to do
Move the computation to a process pool (or to native code that releases the GIL), do it once instead of for each
request, or cut it into pieces that give the loop back.

## False alarms
A loop that is busy with many short callbacks is saturated by right and is not reported: only CPU spent in single runs
of at least 15 ms counts, or of 10 ms where one function takes more than half of the loop's time. How long the runs of
such a function are is told by how often two looks a few milliseconds apart meet the same one.
A loop that runs whole scripts for their sender (a notebook's cells) keeps nobody waiting where nothing else is due.

## Missed alarms
Work just below 10 ms a callback. Where a loop shows no turns (neither the standard one nor libuv's), a callback is told
from the next by its task alone, so the confidence is lower.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.facts import Loop, Loops, Site
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.share import Share

MIN_LOOKS = 50
"""Below this a share of 10 % cannot be told from 25 %."""

MIN_SHARE = 0.10
"""A tenth of the time in long callbacks: one request in ten meets one that is running."""

FILLS = 0.5
"""Lower bound. A function whose steps take ten milliseconds each, and more than all else on this loop together: who
comes behind a few of them waits for longer than for his own answer."""

FILLS_LONG = 0.3
"""The same where a tenth of the looks, though not by its lower bound, was in runs of 15 ms and more: of a run of 20 ms
looks 10 ms apart see as much in every third."""

LONG_RUN_S = 0.010
"""Ten of these in a row, on a loop that they fill, are a tenth of a second of waiting: what people begin to notice
(Nielsen 1993, Usability Engineering, chapter 5)."""

MAX_ASLEEP = 0.2
"""Of the loop's time: who sleeps that much inside callbacks is told by `blocking-call-on-loop`."""

SEVERE_SHARE = 0.5
"""Held half of the time a loop serves less than half of what it could."""

MIN_BLIND_COMPUTING = 0.3
"""Where runs cannot be told apart, a loop that computes for a third of the time cannot be cleared either."""

ENDLESS_SHARE = 0.9
"""One run that fills nine tenths of the look and goes on never ended; that is `unyielding-coroutine`."""

ENDLESS_S = 1.5
"""In a shorter look the two cannot be told apart, and that it holds the loop is true of both."""


def check(loops: Loops) -> Outcome:
    """Found for each function in which long callbacks spend their CPU."""
    enough = [loop for loop in loops.loops if loop.looks >= MIN_LOOKS]
    if not enough:
        return Unsure(f"{loops.most} looks at a loop's thread; {MIN_LOOKS} are needed: look for longer (--seconds)")
    ending = [loop for loop in enough if not _never_ended(loop) and not loop.runs_script]
    findings = [finding for loop in ending if (finding := _finding(loop) or _filled(loop) or _typical(loop))]
    if findings:
        return Found(tuple(sorted(findings, key=lambda one: one.cost.loop_share, reverse=True)))
    blind = [loop for loop in ending if _is_blind(loop) and loop.computing.low >= MIN_BLIND_COMPUTING]
    if blind:
        return Unsure("; ".join(map(_cannot_tell, blind)))
    return Clear("; ".join(f"{loop.thread} of {loop.pid} computed in long callbacks in {loop.held}" for loop in enough))


def _is_blind(loop: Loop) -> bool:
    """Whether runs cannot be told apart: no turn shows, or most looks at the loop at work tore."""
    return loop.turns is None or loop.torn > loop.looks


def _cannot_tell(loop: Loop) -> str:
    most = loop.profile[0].culprit.function if loop.profile else "its callbacks"
    longest = f", {loop.one_callback_s:.2f} s at most in one run" if loop.one_callback_s else ""
    told = f"{loop.thread} of {loop.pid} computed inside callbacks in {loop.computing}{longest}, most in {most}; "
    if loop.turns is None:
        return f"{told}the turns of a {loop.loop_type} cannot be read, so one long run looks like many short ones"
    return f"{told}in {loop.torn} more its stack changed while it was read, so a long run is seldom seen whole"


def _never_ended(loop: Loop) -> bool:
    fills = loop.one_callback.ratio >= ENDLESS_SHARE and loop.one_callback_s >= ENDLESS_S
    return fills and loop.goes_on


def _finding(loop: Loop) -> Finding | None:
    if loop.held.low < MIN_SHARE or not loop.holds:
        return None
    return _told(loop, loop.holds[0])


def _met(loop: Loop, site: Site) -> Share:
    """The looks that met this function computing: also those that cannot be told to be in a long run."""
    code = (site.culprit.file, site.culprit.function)
    every = (one.share for one in loop.profile if (one.culprit.file, one.culprit.function) == code)
    return max(next(every, site.share), site.share, key=lambda one: one.count)


def _told(loop: Loop, site: Site) -> Finding:
    met = _met(loop, site)
    taken = max(met, loop.held, key=lambda one: one.count)
    return Finding(
        claim=f"{site.culprit.function} computes on the event loop of {loop.thread} (pid {loop.pid}) in {met}; "
        f"callbacks seen to run for 15 ms and more held it in {loop.held.count}, {site.share.count} of them here",
        severity="critical" if loop.held.ratio >= SEVERE_SHARE else "warning",
        confidence="high" if loop.turns is not None else "medium",
        cost=Cost(cores=_cores(loop, taken), loop_share=taken.ratio, delay_s=site.longest_s),
        culprit=site.culprit,
        culprits=_further(loop, site),
        evidence=_evidence(loop, site, met),
        fix=(
            "Move the computation off the loop: a process pool, or native code that releases the GIL; a thread only "
            "shares the same GIL.",
            "Or do it less often (cache the result) or in pieces that give the loop back.",
        ),
        now=("More workers spread the wait over more processes; each single request stays as slow.",),
        explains="other requests of this process wait while it computes",
        would_change="callbacks that give the loop back within 15 ms",
    )


def _cores(loop: Loop, met: Share) -> float:
    return met.cores_among(loop.computing.count + loop.spinning.count, loop.cores)


def _further(loop: Loop, site: Site) -> tuple[Culprit, ...]:
    """Who called the function that computes, and the others that do."""
    callers = (site.caller,) if site.caller else ()
    return (*callers, *(other.culprit for other in loop.holds[1:4] if other.culprit not in callers))


def _filled(loop: Loop) -> Finding | None:
    """One function's steps of some ten milliseconds each, one after the other, are most of what the loop does."""
    site = loop.fills
    needed = FILLS_LONG if loop.held.ratio >= MIN_SHARE else FILLS
    if site is None or loop.steps.low < MIN_SHARE or site.share.low < needed:
        return None
    return replace(
        _told(loop, site),
        claim=f"{site.culprit.function} fills the event loop of {loop.thread} (pid {loop.pid}): {site.share} met it "
        f"computing, {loop.steps} in steps of 10 ms and more",
        severity="warning",
        cost=Cost(cores=_cores(loop, site.share), loop_share=site.share.ratio, delay_s=site.longest_s),
        evidence=(
            Figure("here", "looks at the loop that met it computing", str(site.share), "", "stacks"),
            Figure("steps", "inside single steps of 10 ms and more", str(loop.steps), "", "stacks and CPU clocks"),
            *_figures(loop, site),
        ),
        would_change="steps that give the loop back within 10 ms",
    )


def _typical(loop: Loop) -> Finding | None:
    """One function is most of what the loop does, in runs that are long, though few looks meet the same one twice."""
    site = loop.profile[0] if loop.profile else None
    asleep = loop.computing.ratio + loop.spinning.ratio - loop.wanted_cores
    if site is None or site.share.low < FILLS or loop.typical_s < LONG_RUN_S or asleep > MAX_ASLEEP:
        return None
    return replace(
        _told(loop, site),
        claim=f"{site.culprit.function} fills the event loop of {loop.thread} (pid {loop.pid}): {site.share} met it "
        f"computing, in runs of mostly {1000 * loop.typical_s:.0f} ms and more",
        severity="warning",
        cost=Cost(cores=_cores(loop, site.share), loop_share=site.share.ratio, delay_s=site.longest_s),
        evidence=(
            Figure("here", "looks at the loop that met it computing", str(site.share), "", "stacks"),
            Figure("typical", "a run that is met lasts at least", round(loop.typical_s, 4), "s", "stacks, turns"),
            *_figures(loop, site),
        ),
        would_change="runs that give the loop back within 10 ms",
    )


def _evidence(loop: Loop, site: Site, met: Share) -> tuple[Figure, ...]:
    return (
        Figure("met", "looks that met it computing", str(met), "", "stacks"),
        Figure("held", "looks inside long runs of a callback", str(loop.held), "", "stacks and CPU clocks"),
        Figure("here", "of these in this one", str(site.share), "", "stacks"),
        *_figures(loop, site),
    )


def _figures(loop: Loop, site: Site) -> tuple[Figure, ...]:
    caller = site.caller
    return (
        *((Figure("caller", "called most often by", _place(caller), "", "stacks"),) if caller else ()),
        Figure("runs", "separate runs seen here", site.episodes, "runs", "stacks"),
        Figure("longest", "longest run that was seen", round(site.longest_s, 3), "s", "stacks"),
        Figure(
            "loop_cores",
            f"CPU of the loop's thread {loop.thread}",
            round(loop.cores, 2),
            "cores",
            "/proc/PID/task/TID/stat",
        ),
    )


def _place(culprit: Culprit) -> str:
    return f"{culprit.function}:{culprit.line}"


RULE = Rule(
    slug="cpu-bound-on-loop",
    title="Long computations hold the event loop",
    needs=(Loops,),
    check=check,
    page=__doc__,
)
