"""Evidence about threads that burn CPU: do they work, stand in one native call, or ask again and again?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from spindoctor.model.calls import CallCounts
from spindoctor.model.facts import Others, Site
from spindoctor.model.origin import is_library
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
    `traced` are its system calls, where they were counted. `sleeps_per_s` is None where nobody counted them.
    """

    pid: int
    tid: int
    name: str
    is_loop: bool
    cores: float
    wanted_cores: float
    system_share: float
    on_cpu: Share
    asleep: Share
    sleeps_per_s: float | None = None
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


def crews(threads: Iterable[BusyThread], place: Callable[[BusyThread], Hashable | None]) -> list[BusyThread]:
    """Threads of one process that do the same, each group as if it were one: servers spread requests over several.

    `place` says what a thread does; None takes it out. Threads of event loops are left out, those that are alone, and
    those that were met in no code of the user's: where a pool hands work over says nothing of the work.
    """
    groups: dict[Hashable, list[BusyThread]] = {}
    for one in threads:
        if not one.is_loop and _is_at_users(one) and (key := place(one)) is not None:
            groups.setdefault((one.pid, key), []).append(one)
    return [_as_one(found) for found in groups.values() if len(found) > 1]


def _is_at_users(one: BusyThread) -> bool:
    return one.site is not None and not is_library(one.site.culprit.file or "")


def _as_one(threads: Sequence[BusyThread]) -> BusyThread:
    """The busiest of them, with the figures of all."""
    first = threads[0]
    others = f"{len(threads) - 1} others" if len(threads) > 2 else "another"  # noqa: PLR2004 - one other
    return replace(
        first,
        name=f"{first.name} and {others}",
        cores=sum(one.cores for one in threads),
        wanted_cores=sum(one.wanted_cores for one in threads),
        on_cpu=_sum(one.on_cpu for one in threads),
        still=_sum(one.still for one in threads),
        still_row=max(one.still_row for one in threads),
        kept_gil=_sum(one.kept_gil for one in threads),
        kept_gil_s=max(one.kept_gil_s for one in threads),
        held_up=_sum(one.held_up for one in threads),
        repeats=_sum(one.repeats for one in threads),
        site=replace(first.site, share=_sum(one.site.share for one in threads if one.site)) if first.site else None,
    )


def _sum(shares: Iterable[Share]) -> Share:
    told = list(shares)
    return Share(sum(one.count for one in told), sum(one.of for one in told))


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


Place = tuple[int | None, str | None, str | None]
"""Where something was found: process, file, function."""


def blamed_places(others: Others) -> set[Place]:
    """Where the threads of `blamed` were found."""
    findings = [
        finding
        for slug, outcome in others.outcomes.items()
        if slug not in CONSEQUENCES and isinstance(outcome, Found)
        for finding in outcome.findings
    ]
    return {(one.culprit.pid, one.culprit.file, one.culprit.function) for one in findings}
