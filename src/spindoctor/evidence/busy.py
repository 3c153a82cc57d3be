"""Threads that use CPU: whether they work, stand in one native call, match, or ask the same again and again."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import anatomies
from spindoctor.evidence.asking import Asking, Known, asking, can_call
from spindoctor.evidence.matching import matching
from spindoctor.evidence.sites import Moment, Namer, group, own_part
from spindoctor.model.burning import BusyThread, BusyThreads
from spindoctor.model.facts import Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import HotLook
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share

WORTH_CORES = 0.05
"""Below 5 % of a core a thread has too few looks on the CPU (15 in 3 s at 100/s) to say what it does."""

Instruction = tuple[Frame, int | None]

CALLS_BACK = 0.1
"""Lower bound: a library's own few lines around its native code take less, what a generator does takes more."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at a thread on the CPU.

    `own` is the part of its stack that belongs to what it does itself. `run` counts unbroken runs of looks at one
    instruction. `holds_up`: another thread waited for the GIL that this one had; `switches` is how often the GIL had
    changed hands by then.
    """

    at_s: float
    look: ThreadLook
    own: Stack
    run: int
    holds_up: bool
    switches: int

    @property
    def where(self) -> Instruction:
        return (self.look.stack[0], self.look.instruction)

    def moment(self) -> Moment:
        return Moment(self.at_s, self.look, self.own or self.look.stack[:1], self.run)


def busy_threads(recording: Recording) -> BusyThreads | Missing:
    """Every thread that used CPU, busiest first."""
    if recording.seconds <= 0 or not recording.looks:
        return Missing("no look at the threads succeeded")
    found = [thread for process in recording.processes for thread in _of_process(process, recording.seconds)]
    ordered = sorted(found, key=lambda one: one.wanted_cores, reverse=True)
    return BusyThreads(tuple(ordered), recording.looks, recording.seconds)


def _of_process(process: ProcessRecording, seconds: float) -> list[BusyThread]:
    namer = Namer(process)
    lines = {(one.file, one.first_line + n): text for one in process.sources for n, text in enumerate(one.lines)}
    known = anatomies(process.functions)
    uses = [use for use in process.threads if use.cpu_s / seconds >= WORTH_CORES]
    return [_thread(process, use, seconds, namer, lines, known) for use in uses]


def _thread(  # noqa: PLR0913, PLR0917 - all that is known of the process, and the thread
    process: ProcessRecording,
    use: ThreadUse,
    seconds: float,
    namer: Namer,
    lines: dict[tuple[str, int], str],
    known: Known,
) -> BusyThread:
    looks = [look for sample in process.samples for look in sample.threads if look.tid == use.tid]
    seen = _on_cpu(process, use.tid)
    still, kept = _still(seen), _kept_gil(seen)
    profile = group([one.moment() for one in seen], namer, use.tid, len(seen))
    still_site = next(iter(group([one.moment() for one in still], namer, use.tid, len(seen), by_line=True)), None)
    asks = _asking(process, use.tid, seen, known)
    return BusyThread(
        pid=process.pid,
        tid=use.tid,
        name=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        cores=use.cpu_s / seconds,
        wanted_cores=use.wanted_s / seconds,
        system_share=use.system_s / use.cpu_s if use.cpu_s else 0.0,
        sleeps_per_s=None if use.voluntary is None else use.voluntary / seconds,
        on_cpu=Share(len(seen), len(looks)),
        asleep=Share(sum(1 for look in looks if look.call and not look.waits_for_gil), len(looks)),
        site=next(iter(profile), None),
        profile=profile,
        still=Share(len(still), len(seen)),
        still_site=still_site,
        still_row=max(Counter(one.run for one in still).values(), default=0),
        kept_gil=Share(sum(one.look.has_gil for one in still), len(still)),
        kept_gil_s=max((span[-1].at_s - span[0].at_s for span in kept), default=0.0),
        held_up=Share(sum(map(len, kept)), len(seen)),
        calls_there=_calls_there(still, lines) and not _calls_back(still, seen),
        repeats=asks.repeats,
        turns=asks.turns,
        ways=asks.ways,
        asks=asks.asks,
        works=asks.works,
        asked=asks.asked,
        asking_site=_asking_site(seen, asks, namer, use.tid),
        caught=asks.caught,
        matching=matching(process, use.tid, namer, len(looks)),
        traced=process.calls_of(use.tid),
    )


def _asking(process: ProcessRecording, tid: int, seen: Sequence[_Seen], known: Known) -> Asking:
    collecting = {sample.at_s for sample in process.samples if sample.is_collecting}
    stacks = [one.look.stack for one in seen if one.look.is_complete and one.at_s not in collecting]
    caught = [one.kind for one in process.failures if one.tid == tid]
    return asking(stacks, _own_looks(process, tid), caught, known)


def _own_looks(process: ProcessRecording, tid: int) -> list[HotLook]:
    """Looks at what the thread holds while it did its own work: the collector changes nothing, wherever it runs."""
    collecting = {sample.at_s for sample in process.samples if sample.is_collecting}
    return [one for one in process.hot_looks if one.tid == tid and one.at_s not in collecting]


def _on_cpu(process: ProcessRecording, tid: int) -> list[_Seen]:
    """The looks that are samples of CPU: it ran since the look before, and is not asleep."""
    found: list[_Seen] = []
    run, last = 0, None
    for sample in process.samples:
        look = next((one for one in sample.threads if one.tid == tid), None)
        runs = look is not None and bool(look.stack) and look.ran_ns > 0 and look.call is None
        where = (look.stack[0], look.instruction) if look is not None and runs else None
        run += where != last
        last = where
        if look is not None and runs:
            waits = look.has_gil and any(one.waits_for_gil for one in sample.threads if one.tid != tid)
            found.append(_Seen(sample.at_s, look, own_part(sample, look), run, waits, sample.gil_switches))
    return found


def _kept_gil(seen: Sequence[_Seen]) -> list[list[_Seen]]:
    """Runs of looks in which the thread kept the GIL from another: the same holder without a change of hand."""
    groups = itertools.groupby(seen, key=lambda one: one.switches if one.holds_up else None)
    return [list(group) for switches, group in groups if switches is not None]


def _still(seen: Sequence[_Seen]) -> list[_Seen]:
    """The looks at the instruction that was seen most."""
    places = Counter(one.where for one in seen if one.look.instruction is not None)
    most = next(iter(places.most_common(1)), None)
    return [one for one in seen if one.where == most[0]] if most else []


def _calls_there(still: Sequence[_Seen], lines: dict[tuple[str, int], str]) -> bool:
    if not still:
        return False
    frame = still[0].look.stack[0]
    return can_call(lines.get((frame.file, frame.line), ""))


def _calls_back(still: Sequence[_Seen], seen: Sequence[_Seen]) -> bool:
    """Whether what is called there runs Python code in its turn: `sum` over a generator is the generator's work.

    A look meets either that code, with this very stack below it, or the moments between two of its runs.
    """
    here = Counter(one.look.stack for one in still).most_common(1)[0][0]
    inner = sum(len(one.look.stack) > len(here) and one.look.stack[-len(here) :] == here for one in seen)
    return Share(inner, inner + len(still)).low >= CALLS_BACK


def _asking_site(seen: Sequence[_Seen], asks: Asking, namer: Namer, tid: int) -> Site | None:
    """Where the loop stands that asks."""
    place = asks.place
    if place is None:
        return None
    there = [
        Moment(one.at_s, one.look, one.look.stack[depth:], one.run)
        for one in seen
        if (depth := _depth_of(one.look.stack, place)) is not None
    ]
    return next(iter(group(there, namer, tid, len(seen))), None)


def _depth_of(stack: Sequence[Frame], place: Frame) -> int | None:
    same = (n for n, frame in enumerate(stack) if (frame.file, frame.function) == (place.file, place.function))
    return next(same, None)
