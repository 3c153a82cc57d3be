"""Pools that show by who waits for them.

Callers queue inside of an object while others, who came the same way, have got what they asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.work import Moment, Work
from spindoctor.model.conversations import Claim
from spindoctor.model.facts import PoolUse, Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool

MIN_CALLERS = 2
MOST_SITES = 4

Place = tuple[str, str]
"""A function of the user's, by file and name."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """Who queues for one object at one moment, and who got further."""

    at_s: float
    claim: Claim
    callers: tuple[Party, ...]
    holders: tuple[tuple[Party, Culprit], ...]
    sites: tuple[Culprit, ...]
    has_requests: bool


def claimed_pools(process: ProcessRecording, ports: tuple[int, ...]) -> list[PoolUse]:
    """Every object for which callers queued in some look; without those that tell of themselves."""
    told = {pool.address for look in process.task_looks for pool in look.pools}
    seen: dict[int, list[_Queue]] = {}
    for look in process.task_looks:
        if look.claims:
            work = Work(Moment.of(process, look, ports))
            for target in dict.fromkeys(one.target for one in look.claims):
                queue = _queue(look.at_s, [one for one in look.claims if one.target == target], work)
                if queue and target not in told:
                    seen.setdefault(target, []).append(queue)
    return [_use(process, queues) for queues in seen.values()]


def _queue(at_s: float, claims: Sequence[Claim], work: Work) -> _Queue | None:
    """Idle consumers of a queue work for nobody, and nobody came their way and holds what they wait for."""
    parties = tuple(one.party for one in claims)
    served = {work.root(one) for one in work.parties() if one.tid}  # a thread stands for the task that awaits it
    requests = [one for one in parties if work.is_request(one) or work.is_young(one)]
    callers = parties if claims[0].kind == "semaphore" else tuple(requests)
    others = [one for one in work.parties() if one not in parties and (one.tid or one not in served)]
    holders = [(one, work.culprit(work.asker(one))) for one in _came(work, others, claims, callers)]
    further = tuple((one, culprit) for one, culprit in holders if not work.is_at_client(one))
    if len(callers) < MIN_CALLERS or not (further or (len(requests) >= MIN_CALLERS and _is_lost(claims[0]))):
        return None
    sites = tuple(work.culprit(work.asker(one)) for one in callers)
    return _Queue(at_s, claims[0], callers, further, sites, has_requests=bool(requests))


def _came(work: Work, others: Iterable[Party], claims: Iterable[Claim], callers: Sequence[Party]) -> list[Party]:
    """Those who came the way of the callers and are not about to ask themselves."""
    said = {(one.by.file, one.by.function) for one in claims if one.by and one.party in callers}
    ways = {way for one in callers if (way := _way(work, one))} if not said else set[Place]()
    asking = frozenset(frame for one in callers for frame in work.stack(work.asker(one)))
    came = [one for one in others if _way(work, one) in ways or _passes(work, one, said)]
    return [one for one in came if not _asks(work, one, asking)]


def _is_lost(claim: Claim) -> bool:
    """Whether a pool has no member left: where nobody works with one, they were not given back or callers hold them."""
    return claim.is_lent or (bool(claim.size) and claim.taken is not None and claim.taken >= (claim.size or 0))


def _way(work: Work, party: Party) -> Place | None:
    """The function of the user's from which the object was asked."""
    frame = user_frame(work.stack(work.asker(party)))
    return (frame.file, frame.function) if frame else None


def _asks(work: Work, party: Party, asking: frozenset[Frame]) -> bool:
    """Whether a thread may be asking just now: its frames are all those of callers, and it waits for nothing else."""
    return bool(party.tid) and not work.waits_in_kernel(party) and asking.issuperset(_inner(work.stack(party)))


def _inner(stack: Stack) -> Stack:
    """The frames up to the innermost of the user's."""
    frame = user_frame(stack)
    return stack[: stack.index(frame) + 1] if frame else stack


def _passes(work: Work, party: Party, places: set[Place]) -> bool:
    """Whether one of these functions is on its stack."""
    return bool(places) and any((frame.file, frame.function) in places for frame in work.stack(work.asker(party)))


def _use(process: ProcessRecording, queues: Sequence[_Queue]) -> PoolUse:
    last = queues[-1]
    size = last.claim.size or 0
    members = len(last.holders)
    held = [(one.at_s, party, culprit.line) for one in queues for party, culprit in one.holders]
    waits = [(one.at_s, party, None) for one in queues for party in one.callers]
    return PoolUse(
        pid=process.pid,
        pool=Pool(last.claim.target, last.claim.kind, last.claim.name, size, max(size, members), len(last.callers)),
        full=Share(len(queues), len(process.task_looks)),
        queued_most=max(len(one.callers) for one in queues),
        holders=tuple(_holders(queues, _longest(held))),
        waiters=tuple(_one_a_line(site for one in queues for site in one.sites))[:MOST_SITES],
        waiting_tasks=sum(1 for one in last.callers if one.task),
        held_s=max(_longest(held), _longest(waits)),
        is_batch=not any(one.has_requests for one in queues),
        holding=members,
    )


def _longest(seen: Iterable[tuple[float, Party, int | None]]) -> float:
    """The longest time from the first to the last look at one party at one place."""
    times: dict[tuple[Party, int | None], list[float]] = {}
    for at_s, party, line in seen:
        times.setdefault((party, line), []).append(at_s)
    return max((one[-1] - one[0] for one in times.values()), default=0.0)


def _holders(queues: Sequence[_Queue], longest_s: float) -> Iterable[Site]:
    found = [(party, culprit) for one in queues for party, culprit in one.holders]
    lines = Counter((culprit.file, culprit.line) for _, culprit in found)
    for line, count in lines.most_common(MOST_SITES):
        there = [(party, culprit) for party, culprit in found if (culprit.file, culprit.line) == line]
        yield Site(there[0][1], Share(count, len(found)), len({party for party, _ in there}), longest_s)


def _one_a_line(sites: Iterable[Culprit]) -> list[Culprit]:
    return list({(one.file, one.line): one for one in sites}.values())
