"""Locks that threads or tasks queue for: how many, for how long, and who has them meanwhile."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.parties import stack_of
from spindoctor.evidence.shared_locks import shared_lock_uses
from spindoctor.evidence.sites import Moment, Namer, stays
from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party, Wait
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import TaskLook
from spindoctor.model.waiting import LockUse, LockUses, Standoff, Standoffs

MOST_SITES = 4
LOCKS = frozenset({"lock", "task lock"})

MIN_LOOKS = 2
"""A standoff stands still: it is there in more than one look."""

ALONE = 0.9
"""At the moment of a change both the old one and the new one may be waited for."""

Seen = tuple[TaskLook, Wait]


def lock_uses(recording: Recording) -> LockUses | Missing:
    """Every lock that anybody waited for, without those on which a standoff stands still."""
    looked = [one for one in recording.processes if one.task_looks]
    if not looked:
        return Missing("no look at the locks succeeded")
    told = standoffs(recording)
    stuck = {one.pid for one in told.standoffs if _stands(one)} if isinstance(told, Standoffs) else set[int]()
    found = [use for one in looked if one.pid not in stuck for use in _of_process(one)]
    piped = _in_pipes(told.standoffs) if isinstance(told, Standoffs) else set[int]()
    found += [use for use in shared_lock_uses(recording) if not (use.holder and use.holder.pid in piped)]
    found.sort(key=lambda one: (one.queued.ratio * one.waiters, one.longest_s), reverse=True)
    return LockUses(tuple(found), looks=sum(len(one.task_looks) for one in looked), stuck=len(stuck))


def _stands(one: Standoff) -> bool:
    """Whether it explains who waits for locks: what only the last look found may be a lock that changed hands in it."""
    return one.kind != "pipe" and one.seen.count >= MIN_LOOKS


def _in_pipes(found: Sequence[Standoff]) -> set[int]:
    """The children that wait in a pipe for good: who waits for a lock of theirs waits for that."""
    return {one.culprit.pid for each in found if each.kind == "pipe" for one in each.members[1:] if one.culprit.pid}


def _of_process(process: ProcessRecording) -> list[LockUse]:
    seen: dict[int, list[Seen]] = {}
    for look in process.task_looks:
        for wait in look.waits:
            if wait.kind in LOCKS:
                seen.setdefault(wait.target, []).append((look, wait))
    looks = ByThread(process)
    return [_use(looks, found) for found in _in_turn(looks, list(seen.values()))]


def _in_turn(looks: ByThread, locks: Sequence[list[Seen]]) -> list[list[Seen]]:
    """Locks that are waited for at one place, one at a time, count as one: it is made anew for each round."""
    places: dict[tuple[str, str, Frame | None], list[list[Seen]]] = {}
    for found in locks:
        look, wait = found[0]
        place = user_frame(_at(looks, wait.waiter, look))
        places.setdefault((wait.kind, wait.type_name, place), []).append(found)
    merged: list[list[Seen]] = []
    for (_, _, place), group in places.items():
        at_once = Counter(at_s for found in group for at_s in {look.at_s for look, _ in found})
        alone = sum(count == 1 for count in at_once.values())
        is_one = place is not None and len(group) > 1 and alone >= ALONE * len(at_once)
        merged += [sorted(itertools.chain(*group), key=lambda one: one[0].at_s)] if is_one else group
    return merged


def _use(looks: ByThread, found: Sequence[Seen]) -> LockUse:
    process = looks.process
    counts = Counter(look.at_s for look, _ in found)
    namer = Namer(process)
    sites = Counter(
        namer.culprit(_at(looks, wait.waiter, look), wait.waiter.tid, wait.waiter.task) for look, wait in found
    )
    holder = _holder(looks, found, namer)
    return LockUse(
        pid=process.pid,
        type_name=found[0][1].type_name,
        of_tasks=found[0][1].kind == "task lock",
        queued=Share(len(counts), len(process.task_looks)),
        waiters=sum(counts.values()) / len(counts),
        waiters_most=max(counts.values()),
        longest_s=max(_longest_of_tasks(process, found), _longest_of_threads(looks, found)),
        sites=tuple(_one_a_line(site for site, _ in sites.most_common()))[:MOST_SITES],
        holder=holder,
        holder_calls=_holder_calls(process, found),
    )


def _one_a_line(sites: Iterable[Culprit]) -> list[Culprit]:
    return list({(one.file, one.line): one for one in sites}.values())


def _holder(looks: ByThread, found: Sequence[Seen], namer: Namer) -> Culprit | None:
    """Where it is held most often: where the holder stands at that moment, within the block."""
    held = Counter((wait.holders[0], wait.held_at) for _, wait in found if len(wait.holders) == 1)
    if not held:
        return None
    (party, frame), _ = held.most_common(1)[0]
    look = next(look for look, wait in found if wait.holders == (party,) and wait.held_at == frame)
    stack = _at(looks, party, look)
    return namer.culprit(stack or ((frame,) if frame else ()), party.tid, party.task)


def _at(looks: ByThread, party: Party, look: TaskLook) -> Stack:
    """Where a party stood when the slow look was made."""
    if party.task:
        return stack_of(looks.process, party, look)
    thread = looks.at(look.at_s, party.tid)
    return thread.stack if thread else ()


def _holder_calls(process: ProcessRecording, found: Sequence[Seen]) -> tuple[str, ...]:
    holders = {wait.holders[0].tid for _, wait in found if len(wait.holders) == 1}
    times = sorted({look.at_s for look, _ in found})
    calls = Counter(
        look.call.name
        for sample in map(process.sample_at, times)
        if sample
        for look in sample.threads
        if look.tid in holders and look.call and look.call.name != "futex"
    )
    return tuple(name for name, _ in calls.most_common(3))


def _longest_of_tasks(process: ProcessRecording, found: Sequence[Seen]) -> float:
    """The longest time for which looks in a row found one task at one and the same wait for it."""
    waiters = {(look.at_s, wait.waiter.task) for look, wait in found}
    longest_s, since = 0.0, dict[object, float]()
    for look in process.task_looks:
        waits = [task.wait for task in look.tasks if (look.at_s, task.address) in waiters]
        since = {wait: since.get(wait, look.at_s) for wait in waits}
        longest_s = max(longest_s, *(look.at_s - begin_s for begin_s in since.values()), 0.0)
    return longest_s


def _longest_of_threads(looks: ByThread, found: Sequence[Seen]) -> float:
    first = {wait.waiter: look for look, wait in reversed(found) if not wait.waiter.task}
    return max((_longest(looks, party, look) for party, look in first.items()), default=0.0)


def _longest(looks: ByThread, party: Party, first: TaskLook) -> float:
    """The longest time for which one thread was seen at this wait without moving."""
    inner = _at(looks, party, first)[:1]
    moments = [
        Moment(
            sample.at_s, look, look.stack, stay=(look.stack[:1] == inner and look.call, look.ran_ns > 0 and sample.at_s)
        )
        for sample, look in looks.seen(party.tid or 0)
    ]
    waits = [(begin, end) for begin, end, _ in stays(moments) if begin.look.stack[:1] == inner and begin.look.call]
    return max((end.at_s - begin.at_s for begin, end in waits), default=0.0)
