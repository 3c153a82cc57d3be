"""Evidence about threads that burn CPU: do they work, stand in one native call, or ask again and again?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from spindoctor.model.calls import CallCounts
from spindoctor.model.facts import Others, Site
from spindoctor.model.outcome import Found
from spindoctor.model.share import NO_LOOKS, Share


@dataclass(frozen=True, slots=True)
class Matching:
    """Single matches of one regular expression that take long.

    `share` are the looks inside them, `longest_s` the most CPU that one was seen to use, `matches` how many there were.
    """

    pattern: str
    subject_length: int
    share: Share
    longest_s: float
    matches: int
    site: Site


@dataclass(frozen=True, slots=True)
class BusyThread:
    """One thread that uses CPU, over the whole look.

    `on_cpu` and `asleep` are shares of all looks at it; waiting for the GIL is neither. `still` is the share of its
    looks on the CPU at the one instruction seen most, which stands at `still_site`, `still_row` how many of them came
    in a row: the thread may have left and come back between any two. Of these, `kept_gil` are those in which it held
    the GIL. `calls_there` is False where that instruction can call nothing. `kept_gil_s` is the longest time for which
    it kept the GIL although another thread waited for it, `held_up` the looks inside such times.

    Of the looks at what its frames hold, `repeats` are those in which all hold what they have held before. Of the looks
    on the CPU inside the loop that it goes round in, `asks` are those at a question, `works` those at work (the rest
    passes); `turns` counts those in which the stack stood elsewhere than in the look before, `ways` different stacks.
    All without looks where no loop is known. `asked` says what is asked. `caught` counts exceptions by type.
    `traced` are its system calls, where they were counted.
    """

    pid: int
    tid: int
    name: str
    is_loop: bool
    cores: float
    wanted_cores: float
    system_share: float
    sleeps_per_s: float
    on_cpu: Share
    asleep: Share
    site: Site | None = None
    profile: tuple[Site, ...] = ()
    still: Share = NO_LOOKS
    still_site: Site | None = None
    still_row: int = 0
    kept_gil: Share = NO_LOOKS
    kept_gil_s: float = 0.0
    held_up: Share = NO_LOOKS
    calls_there: bool = True
    repeats: Share = NO_LOOKS
    turns: int = 0
    ways: Share = NO_LOOKS
    asks: Share = NO_LOOKS
    works: Share = NO_LOOKS
    asked: tuple[str, ...] = ()
    asking_site: Site | None = None
    caught: tuple[tuple[str, int], ...] = ()
    matching: Matching | None = None
    traced: CallCounts | None = None


@dataclass(frozen=True, slots=True)
class BusyThreads:
    """The threads of the family that used CPU, busiest first, and how many looks there were at the family."""

    threads: tuple[BusyThread, ...]
    looks: int
    seconds: float


CONSEQUENCES = frozenset({"gil-contention", "single-core-ceiling", "pool-exhausted"})
"""Mechanisms that follow from what threads do, and do not say what that is."""


def blamed(others: Others, but: Collection[str] = ()) -> set[tuple[int | None, str | None]]:
    """The threads, by process and name, of which a finding of the rules before says what they do.

    `but` are mechanisms that the one who asks would explain, and that therefore do not silence it.
    """
    findings = [
        finding
        for slug, outcome in others.outcomes.items()
        if slug not in CONSEQUENCES and slug not in but and isinstance(outcome, Found)
        for finding in outcome.findings
    ]
    return {(finding.culprit.pid, finding.culprit.thread) for finding in findings}
