"""Threads that begin and end within the look, told as few that last.

A server that starts a thread for each request has no thread that works for long: what they all did shows only where
those that began with the same function, one after the other, are told as one. As many lanes stand side by side as there
were such threads at once. What they used is what the process used and none of the others did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.model.frames import Stack
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.sample import Sample, ThreadLook

WORTH_CORES = 0.05
"""Below 5 % of a core there are too few looks on the CPU (15 in 3 s at 100/s) to say what they did."""

STARTS = "/threading.py"
"""The file of the functions in which a thread begins."""

NS = 1e9

Entry = tuple[str, str]
"""The function that a thread was made for, by file and name."""


@dataclass(frozen=True, slots=True)
class _Life:
    """An ended thread in the looks that met it, by their numbers; `ran_ns` is what these saw it use."""

    tid: int
    first: int
    last: int
    ran_ns: int
    entry: Entry | None


def in_lanes(recording: Recording) -> Recording:
    """The recording with its short-lived threads joined; the same one where there are none that count."""
    joined = tuple(_joined(one, recording.seconds) for one in recording.processes)
    is_same = all(new is old for new, old in zip(joined, recording.processes, strict=True))
    return recording if is_same else replace(recording, processes=joined)


def _joined(process: ProcessRecording, seconds: float) -> ProcessRecording:
    used_s = process.cpu_s - sum(use.cpu_s for use in process.threads)
    if process.ended or used_s <= 0 or used_s < WORTH_CORES * seconds:
        return process
    lives = _lives(process)
    lanes = _lanes([one for one in lives if one.entry])
    ran_ns = sum(one.ran_ns for one in lives)
    if not lanes or not ran_ns:
        return process
    system = max(0.0, process.system_s - sum(use.system_s for use in process.threads)) / used_s
    shares = [(lane, sum(one.ran_ns for one in lane) / ran_ns) for lane in lanes]
    uses = [_use(lane, min(used_s * share, _there_s(process, lane, seconds)), system) for lane, share in shares]
    ordered = sorted((*process.threads, *uses), key=lambda use: -use.cpu_s)
    return _renamed(replace(process, threads=tuple(ordered)), lanes)


def _there_s(process: ProcessRecording, lane: Sequence[_Life], seconds: float) -> float:
    """For how long they can have been there: threads that no look met may have used the rest."""
    last = max(1, len(process.samples) - 1)
    return seconds * sum(min(one.last + 1, last) - max(one.first - 1, 0) for one in lane) / last


def _lives(process: ProcessRecording) -> list[_Life]:
    """The threads that looks met and that are gone at the end, in the order in which they came."""
    there = {use.tid for use in process.threads}
    seen: dict[int, list[tuple[int, ThreadLook]]] = {}
    for number, sample in enumerate(process.samples):
        for look in sample.threads:
            if look.tid not in there:
                seen.setdefault(look.tid, []).append((number, look))
    return [_life(tid, looks) for tid, looks in seen.items()]


def _life(tid: int, looks: Sequence[tuple[int, ThreadLook]]) -> _Life:
    entries = Counter(entry for _, look in looks if look.is_complete and (entry := _entry(look.stack)))
    most = entries.most_common(1)
    ran_ns = sum(look.ran_ns for _, look in looks)
    return _Life(tid, looks[0][0], looks[-1][0], ran_ns, most[0][0] if most else None)


def _entry(stack: Stack) -> Entry | None:
    return next(((one.file, one.function) for one in reversed(stack) if not one.file.endswith(STARTS)), None)


def _lanes(lives: Sequence[_Life]) -> list[list[_Life]]:
    """Each thread behind one of the same kind that had ended when it was first met, else in a lane of its own."""
    lanes: dict[Entry | None, list[list[_Life]]] = {}
    for life in lives:
        mine = lanes.setdefault(life.entry, [])
        free = next((lane for lane in mine if lane[-1].last < life.first), None)
        if free is None:
            mine.append([life])
        else:
            free.append(life)
    return [lane for mine in lanes.values() for lane in mine]


def _use(lane: Sequence[_Life], cpu_s: float, system: float) -> ThreadUse:
    function = lane[0].entry[1] if lane[0].entry else ""
    name = f"{function} ({len(lane)} in turn)" if len(lane) > 1 else function
    system_s = cpu_s * min(1.0, system)
    return ThreadUse(
        lane[0].tid, name, name, cpu_s - system_s, system_s, voluntary=None, involuntary=None, queue_wait_s=None
    )


def _renamed(process: ProcessRecording, lanes: Sequence[Sequence[_Life]]) -> ProcessRecording:
    """All that bears a thread's id with that of the first of its lane."""
    tids = {one.tid: lane[0].tid for lane in lanes for one in lane}
    firsts = {(one.first, one.tid) for lane in lanes for one in lane if one.first}
    return replace(
        process,
        samples=tuple(_sample(number, sample, tids, firsts) for number, sample in enumerate(process.samples)),
        hot_looks=tuple(replace(one, tid=tids.get(one.tid, one.tid)) for one in process.hot_looks),
        failures=tuple(replace(one, tid=tids.get(one.tid, one.tid)) for one in process.failures),
        polls=tuple(replace(one, tid=tids.get(one.tid, one.tid)) for one in process.polls),
    )


def _sample(number: int, sample: Sample, tids: Mapping[int, int], firsts: set[tuple[int, int]]) -> Sample:
    if not any(look.tid in tids for look in sample.threads):
        return sample
    threads = (_look(look, tids, is_first=(number, look.tid) in firsts) for look in sample.threads)
    loops = (replace(one, tid=tids.get(one.tid, one.tid)) for one in sample.loops)
    return replace(sample, threads=tuple(threads), loops=tuple(loops))


def _look(look: ThreadLook, tids: Mapping[int, int], *, is_first: bool) -> ThreadLook:
    """Who is new has run since the look before: he was not there then, and nobody knew his clock."""
    ran_ns = max(look.ran_ns, 1) if is_first else look.ran_ns
    return replace(look, tid=tids[look.tid], ran_ns=ran_ns) if look.tid in tids else look
