"""Looks that fell into a garbage collection, joined to the thread that ran it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from spindoctor.evidence.sites import Moment, Namer, group, looks_by_thread
from spindoctor.model.collector import Collector, Collectors
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import Share

ASKS = re.compile(r"\bcollect\s*\(")
"""A line that calls the collector itself."""


def collecting(recording: Recording) -> Collectors | Missing:
    """Every thread that was seen collecting, the one that spent most CPU on it first."""
    if recording.seconds <= 0 or not recording.looks:
        return Missing("no look at the threads succeeded")
    found = [one for process in recording.processes for one in _of_process(process, recording.seconds)]
    ordered = sorted(found, key=lambda one: one.cores * one.inside.ratio, reverse=True)
    return Collectors(tuple(ordered), recording.looks)


def _of_process(process: ProcessRecording, seconds: float) -> list[Collector]:
    during = (sample for sample in process.samples if sample.is_collecting)
    suspects = {look.tid for sample in during for look in sample.threads if look.has_gil}
    looks = _in_turn(process.samples) if suspects else {}
    found = (_of_thread(process, use, looks[use.tid], seconds) for use in process.threads if use.tid in suspects)
    collectors = [one for one in found if one]
    return [_averaged(collectors[0], seconds)] if len(collectors) == 1 else collectors


def _in_turn(samples: Sequence[Sample]) -> dict[int, list[tuple[Sample, ThreadLook]]]:
    """The looks of each thread but those in which another had the GIL.

    Who waits for it wakes up every 5 ms to ask for it: that is no work in which it could have collected.
    """
    taken = {id(sample) for sample in samples if any(look.has_gil for look in sample.threads)}
    return {
        tid: [(sample, look) for sample, look in looks if look.has_gil or id(sample) not in taken]
        for tid, looks in looks_by_thread(samples).items()
    }


def _of_thread(
    process: ProcessRecording, use: ThreadUse, looks: Iterable[tuple[Sample, ThreadLook]], seconds: float
) -> Collector | None:
    seen = _on_cpu(looks)
    inside = [moment for moment, switches in seen if switches is not None]
    if not inside:
        return None
    site = group(inside, Namer(process), use.tid, len(seen), by_line=True)[0]
    spans = _pauses(seen)
    return Collector(
        pid=process.pid,
        tid=use.tid,
        name=use.name or use.kernel_name,
        is_loop=use.loop is not None,
        cores=use.cpu_s / seconds,
        inside=Share(len(inside), len(seen)),
        pauses=len(spans),
        longest_s=max(span[-1].at_s - span[0].at_s for span in spans),
        asked=Share(_asked(process, inside), len(inside)),
        site=site,
        collections=process.collections,
        heap=process.heap,
        looks=len(process.samples),
    )


def _averaged(one: Collector, seconds: float) -> Collector:
    """The only thread that collects, where looks in several collections look like one: at most what one takes then.

    A thread that asks for the next at once is hardly ever met in between. The process counts for all threads together.
    """
    full = one.collections[-1] if one.collections else 0
    if full <= one.pauses:
        return one
    average_s = one.cores * seconds * one.inside.ratio / full
    return replace(one, longest_s=min(one.longest_s, average_s), are_joined=True)


def _on_cpu(looks: Iterable[tuple[Sample, ThreadLook]]) -> list[tuple[Moment, int | None]]:
    """Looks at the thread on the CPU; those inside a collection with how often the GIL had changed hands by then.

    While it collects, it alone has the GIL.
    """
    found = []
    for sample, look in looks:
        if _runs(look):
            collects = sample.is_collecting and look.has_gil
            switches = sample.gil_switches if collects else None
            found.append((Moment(sample.at_s, look, look.stack, stay=switches), switches))
    return found


def _runs(look: ThreadLook) -> bool:
    return bool(look.stack) and look.ran_ns > 0 and look.call is None


def _pauses(seen: Sequence[tuple[Moment, int | None]]) -> list[list[Moment]]:
    """Unbroken runs of looks inside a collection; where another thread had the GIL meanwhile nobody stood still."""
    runs = itertools.groupby(seen, key=lambda one: one[1])
    return [[moment for moment, _ in run] for switches, run in runs if switches is not None]


def _asked(process: ProcessRecording, inside: Sequence[Moment]) -> int:
    lines = {(one.file, one.first_line + n): text for one in process.sources for n, text in enumerate(one.lines)}
    texts = (lines.get((moment.stack[0].file, moment.stack[0].line), "") for moment in inside)
    return sum(1 for text in texts if ASKS.search(text))
