"""Tasks or threads grow in number and do not end.

## What we saw
From look to look there were more tasks (or threads) of one kind, at the same line, and hardly one of them ended: those
of the first look were all still there in the last.

## Why it hurts
Each keeps its memory, its locals and whatever it holds. The service becomes slower and larger until it is killed, and
nothing in its CPU says so.

## What to do
Look at what they wait for at the line that is named: a future that nobody sets, an event that never comes, a thread
that nobody tells to stop. Give the wait a timeout, and cancel or join what was begun when the request that began it
ends.

## False alarms
A high number that stays is no pile-up, nor are tasks that wait for their clients (websockets, long polls), nor streams
that have begun to answer: they are as many as there are clients. A burst drains: what grows during a short look is
only called a pile-up where as many were there before and none of them ended. Threads of a pool grow to its size.

Who begins threads is told only where nearly all threads that began are of this kind and looks met them begin at one
line. Of timers the places in the loaded source that start one and do not cancel it are named too, as candidates.

## Missed alarms
A leak of less than some ten in the time of the look: look longer (`--seconds 60`). One that is as old as the service
and has stopped growing.
"""

from __future__ import annotations

import math

from spindoctor.model.counting import count
from spindoctor.model.frames import Frame
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.waiting import Growth, Growths

MIN_LOOKS = 4
"""Fewer slow looks cannot tell growth from a moment."""

MIN_GROWTH = 10
"""Fewer may be a handful of slow requests."""

DEVIATIONS = 3.0
"""What begins and ends at the same rate differs by the root of their sum, and by three times that hardly ever."""

ENDING = 0.1
"""Where one of ten ends meanwhile, they do end, if slowly."""

KEPT = 0.9
"""Of those that were there at first: nearly all are there still."""

LONG_S = 15.0
"""What does not end for so long is no burst: few clients wait longer than that for an answer."""

HALF = 0.5
"""More of them are one thing than are anything else; and the middle of what grew steadily."""

MAY_BE = "may be begun here, the only place in the loaded source that begins such"
"""That there is no other place says who it can be, not that it was."""

STEADY = 0.2
"""Each half of the look brings at least a fifth of the growth: a single step is a burst."""


def check(growths: Growths) -> Outcome:
    """Found for each kind that grows and does not end."""
    if growths.looks < MIN_LOOKS:
        return Unsure(
            f"{growths.looks} looks at tasks and threads; {MIN_LOOKS} are needed: look for longer (--seconds)"
        )
    growing = [one for one in growths.kinds if _grows(one) and not _by_right(one)]
    lasting = [one for one in growing if _lasts(one, growths.seconds)]
    if lasting:
        return Found(tuple(_finding(one, one.seconds or growths.seconds) for one in lasting))
    if growing:
        one = growing[0]
        seconds = one.seconds or growths.seconds
        return Unsure(
            f"{_what(one)} of {one.name} grew from {one.first} to {one.last} in {seconds:.1f} s, "
            "which may be a burst: look for longer (--seconds 20)",
            is_sign=True,
        )
    return Clear(
        f"{count(growths.tasks, 'task')} and {count(growths.threads, 'thread')}, of which no kind grew without "
        f"end{_most(growths)}"
    )


def _grows(one: Growth) -> bool:
    """More than chance, steadily, and hardly any of them ends."""
    net = one.last - one.first
    noise = DEVIATIONS * math.sqrt(one.begun + one.ended)
    halves = (one.middle - one.first, one.last - one.middle)
    return net >= MIN_GROWTH and net > noise and one.ended <= ENDING * one.begun and min(halves) >= STEADY * net


def _by_right(one: Growth) -> bool:
    return one.are_members or one.at_clients > HALF * one.last or one.answered > HALF * one.last


def _lasts(one: Growth, seconds: float) -> bool:
    """As many were there before as came, and none of them has ended; or the look was long."""
    has_kept = not one.kept.of or one.kept.ratio >= KEPT
    return has_kept and (one.first >= one.last - one.first or seconds >= LONG_S)


def _most(growths: Growths) -> str:
    told = [f"{_what(one)} of {one.name} from {one.first} to {one.last}" for one in growths.kinds[:2]]
    return f"; {', '.join(told)}" if told else ""


def _what(one: Growth) -> str:
    return "tasks" if one.are_tasks else "threads"


def _culprit(one: Growth) -> Culprit:
    """Where they stand; where that is a library's line, as of threads that wait for their work, who begins them."""
    site = one.site
    is_own = site.file is not None and is_user(Frame(site.function or "", site.file, site.line or 0))
    if one.makers and not one.are_tasks and not is_own:
        return one.makers[0]
    if len(one.candidates) == 1 and not is_own:
        place = one.candidates[0]
        return Culprit(pid=one.pid, function=place.function, file=place.file, line=place.line, note=MAY_BE)
    return site if site.file else Culprit(pid=one.pid)


def _finding(one: Growth, seconds: float) -> Finding:
    rate = (one.last - one.first) / seconds if seconds else 0.0
    what = _what(one)
    site = one.site
    where = f" at {site.function}:{site.line}" if site.function else ""
    culprit = _culprit(one)
    return Finding(
        claim=f"{what} of {one.name} (pid {one.pid}) grew from {one.first} to {one.last} in {seconds:.1f} s and do not "
        f"end; most of them wait{where}",
        severity="warning",
        confidence="high" if one.kept.of else "medium",
        cost=Cost(waiting=one.last - one.first),
        culprit=culprit,
        culprits=tuple(place for place in (site, *one.makers) if place != culprit and place.file),
        evidence=(
            Figure("first", f"{what} in the first look", one.first, what, "registry of tasks, stacks"),
            Figure("last", f"{what} in the last look", one.last, what, "registry of tasks, stacks"),
            Figure("begun", "begun meanwhile", one.begun, what, "registry of tasks, stacks"),
            Figure("ended", "ended meanwhile", one.ended, what, "registry of tasks, stacks"),
            Figure("rate", "growth", round(rate, 1), f"{what}/s", "registry of tasks, stacks"),
            Figure("kept", "of the first look still there in the last", str(one.kept), "", "registry of tasks, stacks"),
        ),
        against=() if one.makers else ("who began them is not kept by the interpreter",),
        fix=(
            f"Give the wait{where} a timeout, or set what it waits for on every path, also on errors.",
            "Keep what you begin, and cancel or join it when the work that began it ends.",
        ),
        now=("It goes on growing; a restart frees it until it has grown again.",),
        explains="memory and latency that grow with the time since the start",
        would_change="a longer look in which as many end as begin",
        candidates=() if one.makers else one.candidates,
    )


RULE = Rule(
    slug="task-pileup",
    title="Tasks or threads pile up",
    needs=(Growths,),
    check=check,
    page=__doc__,
)
