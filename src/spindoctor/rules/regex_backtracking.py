"""A regular expression backtracks without end in sight.

## What we saw
A thread was on the CPU, look after look at the same instruction, inside the C code that matches a regular expression,
on the same subject. A match without backtracking reads its subject once, millions of characters a second; this one took
far longer than the length of its subject explains.

## Why it hurts
Matching keeps the GIL from the first character to the last: no other thread of the process runs Python code meanwhile,
and on an event loop nothing else is served. One crafted or unlucky input is enough.

## What to do
Rewrite the pattern so that one text can be matched in one way only: no repetition inside a repetition (`(a+)+`), no two
neighbours that match the same text (`x*x*`), possessive quantifiers or atomic groups (Python 3.11 and newer). Limit
the length of what is matched. Where the pattern comes from others, use an engine without backtracking.

## False alarms
Many short matches on end, or one of a very long text, are honest work: the subject must stay the same while the CPU
time that goes by is out of proportion to its length.

## Missed alarms
Matches of less than 30 ms of CPU, and engines that keep their patterns in objects of another kind than `Pattern`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from spindoctor.model.burning import BusyThread, BusyThreads, Matching
from spindoctor.model.counting import count
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 50
"""Below this a share of 10 % cannot be told from 25 %."""

MIN_SHARE = 0.05
"""One look in twenty inside slow matches: they delay others for as long, at one go."""

LONG_S = 0.5
"""Everything else in the process stands still for half a second: users notice a single one."""

SHOWN_CHARACTERS = 60
"""As much of the pattern as a sentence bears; the figures have more."""


def check(busy: BusyThreads) -> Outcome:
    """Found for each thread that spends its time in single slow matches."""
    if busy.looks < MIN_LOOKS:
        return Unsure(f"{busy.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    slow = [(one, one.matching) for one in busy.threads if one.matching and one.matching.share.low >= MIN_SHARE]
    if slow:
        return Found(tuple(_together(slow)))
    return Clear(
        f"{count(len(busy.threads), 'thread')} used CPU; none was in a match that took longer than its subject explains"
    )


def _together(slow: Iterable[tuple[BusyThread, Matching]]) -> Iterator[Finding]:
    """One finding for each pattern at one line, whichever threads met it: several of them share the one GIL."""
    alike: dict[object, list[Finding]] = {}
    for thread, matching in slow:
        at = matching.site.culprit
        alike.setdefault((at.pid, at.file, at.line, matching.pattern), []).append(_finding(thread, matching))
    for findings in alike.values():
        first, *others = sorted(findings, key=lambda one: one.cost.delay_s, reverse=True)
        cores = sum(one.cost.cores for one in findings)
        more = f"; {count(len(others), 'thread')} more at it" if others else ""
        yield replace(
            first,
            claim=first.claim + more,
            cost=replace(first.cost, cores=cores),
            culprits=tuple(one.culprit for one in others),
        )


def _finding(thread: BusyThread, matching: Matching) -> Finding:
    hurts = thread.is_loop or thread.kept_gil_s >= LONG_S or matching.longest_s >= LONG_S
    return Finding(
        claim=f"{matching.site.culprit.function} matches a regular expression that backtracks: {matching.longest_s:.2f}"
        f" s and more of CPU in one match on {matching.subject_length} characters, pattern {_shown(matching.pattern)}",
        severity="critical" if hurts else "warning",
        confidence="high" if matching.pattern else "medium",
        cost=Cost(
            cores=matching.share.cores_among(thread.on_cpu.count, thread.cores),
            loop_share=matching.share.ratio if thread.is_loop else 0.0,
            delay_s=matching.longest_s,
        ),
        culprit=matching.site.culprit,
        evidence=_evidence(thread, matching),
        against=("the pattern's own text could not be read",) if not matching.pattern else (),
        fix=(
            "Rewrite the pattern so that no text can be matched in two ways: no repetition inside a repetition, no two "
            "neighbours that match the same text; possessive quantifiers and atomic groups exist from Python 3.11 on.",
            "Limit the length of the text before it is matched.",
        ),
        now=("It ends when the match ends, which may be never; only a restart stops it.",),
        explains="the core that is burned, and that nothing else in this process runs while the match lasts",
        would_change="a look at the same line with another subject each time",
    )


def _shown(pattern: str) -> str:
    if not pattern:
        return "not readable"
    return pattern if len(pattern) <= SHOWN_CHARACTERS else f"{pattern[:SHOWN_CHARACTERS]}..."


def _evidence(thread: BusyThread, matching: Matching) -> tuple[Figure, ...]:
    operands = "operands of the call"
    return (
        Figure("pattern", "the pattern", matching.pattern or "not readable", "", operands),
        Figure("subject_length", "length of the longest subject", matching.subject_length, "characters", operands),
        Figure("inside", "looks inside slow matches", str(matching.share), "", "stacks and operands"),
        Figure("longest", "CPU of the longest match that was seen", round(matching.longest_s, 2), "s", "stacks"),
        Figure("matches", "separate slow matches", matching.matches, "matches", "stacks and operands"),
        Figure(
            "thread_cores", f"CPU of thread {thread.name}", round(thread.cores, 2), "cores", "/proc/PID/task/TID/stat"
        ),
        Figure("kept_gil", "longest time another thread waited for the GIL", round(thread.kept_gil_s, 2), "s", "GIL"),
    )


RULE = Rule(
    slug="regex-backtracking",
    title="A regular expression backtracks",
    needs=(BusyThreads,),
    check=check,
    page=__doc__,
    explains=("unyielding-coroutine", "cpu-bound-on-loop", "gil-contention", "single-core-ceiling"),
)
