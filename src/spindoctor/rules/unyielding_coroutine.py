"""A coroutine or callback goes on for ever and never gives the loop back.

## What we saw
Over the whole look one single run of one callback held the loop's thread, on the CPU all the time. The loop took no
turn: it never reached its selector, and no timer or request got a chance. Where the endless loop is a library's, the
function of the service that it calls is blamed: mostly it gives the library the next thing to do.

## Why it hurts
The process is dead for everyone else: no request is answered, no health check, no shutdown.

## What to do
Find the loop in the code that has no way out: an `await` that returns at once because the stream has ended, an
exception that is caught and tried again, a parser that does not advance. End it on end-of-stream and on errors.

## False alarms
A computation that takes longer than the look is indistinguishable from one that never ends: look again for longer.
Either way the loop is held for as long as was looked.
A loop that runs whole scripts for their sender (a notebook's cells) keeps nobody waiting where nothing else is due.

## Missed alarms
A run that began while it was looked, and fills less than nine tenths of the look, is told as a long computation.
Where a loop shows no turns (neither the standard one nor libuv's), one task must be inside the same callback look after
look.
"""

from __future__ import annotations

from spindoctor.model.facts import Loop, Loops, Site
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 50
"""Fewer looks span too little time to say that a callback does not end."""

MIN_SHARE = 0.9
"""The one run must fill the look; a few looks are lost to torn reads."""

MIN_SPAN_S = 1.5
"""Shorter runs are long computations (`cpu-bound-on-loop`), not endless ones."""

MIN_CORES = 0.3
"""Off the CPU it would be a blocking call. Time spent runnable in the run queue counts: a starved spin is one too."""


def check(loops: Loops) -> Outcome:
    """Found for each loop that was inside one run of one callback nearly all the time, to the last look."""
    enough = [loop for loop in loops.loops if loop.looks >= MIN_LOOKS]
    if not enough:
        return Unsure(f"{loops.most} looks at a loop's thread; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [_finding(loop) for loop in enough if _never_ends(loop) and not loop.runs_script]
    if findings:
        return Found(tuple(findings))
    longest = ", ".join(f"{loop.thread} of {loop.pid}: {loop.one_callback_s:.2f} s" for loop in enough)
    return Clear(f"longest time inside one run of a callback: {longest}")


def _never_ends(loop: Loop) -> bool:
    computes = loop.wanted_cores >= MIN_CORES and loop.computing.count + loop.gil.count > loop.waiting.count
    fills = loop.one_callback.ratio >= MIN_SHARE and loop.one_callback_s >= MIN_SPAN_S
    return fills and computes and loop.goes_on


def _finding(loop: Loop) -> Finding:
    site, calls = loop.one_callback_site, loop.one_callback_calls
    stays = site.culprit if site else Culprit(pid=loop.pid, thread=loop.thread)
    and_calls = f", and calls {calls.culprit.function} again and again" if calls else ""
    return Finding(
        claim=f"{stays.function} has held the event loop of {loop.thread} (pid {loop.pid}) for all the "
        f"{loop.one_callback_s:.1f} s that were looked and did not give it back{and_calls}; {loop.cores:.2f} cores",
        severity="critical",
        confidence="high" if loop.turns is not None else "medium",
        cost=Cost(cores=loop.cores, loop_share=1.0, delay_s=loop.one_callback_s),
        culprit=calls.culprit if calls else stays,
        culprits=(stays,) if calls else (),
        evidence=(
            Figure("one_callback", "looks inside one single run of a callback", str(loop.one_callback), "", "stacks"),
            *_calls(calls),
            Figure("span", "time from the first of them to the last", round(loop.one_callback_s, 2), "s", "stacks"),
            Figure("turns", "turns of the loop that were seen", _turns(loop), "", "frame locals"),
            Figure("idle", "looks with the loop asleep in its selector", str(loop.idle), "", "stacks"),
            Figure(
                "loop_cores",
                f"CPU of the loop's thread {loop.thread}",
                round(loop.cores, 2),
                "cores",
                "/proc/PID/task/TID/stat",
            ),
        ),
        against=("the look was too short to tell an endless run from one that takes longer than it",),
        fix=(
            "Give this loop a way out: leave it at end of stream and on errors, and await something that really waits.",
        ),
        now=("Nothing on this loop is served until the callback ends; a restart of this process is the way out.",),
        explains="no request of this process is answered, and a core is burned",
        would_change="a second look in which the loop has taken a turn",
    )


def _calls(site: Site | None) -> tuple[Figure, ...]:
    if site is None:
        return ()
    return (
        Figure("calls", f"of all looks at the loop, inside {site.culprit.function}", str(site.share), "", "stacks"),
    )


def _turns(loop: Loop) -> int | str:
    return "not readable" if loop.turns is None else loop.turns


RULE = Rule(
    slug="unyielding-coroutine",
    title="A coroutine never gives the loop back",
    needs=(Loops,),
    check=check,
    page=__doc__,
)
