"""Pools that show by who waits for them.

Callers queue inside of an object while others, who came the same way, have got what they asked for.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from spindoctor.evidence.anatomy import anatomies, find
from spindoctor.evidence.asking import Known
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.work import Moment, Work
from spindoctor.model.conversations import Claim
from spindoctor.model.facts import PoolUse, Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import Share
from spindoctor.model.tasks import HUB, Pool, TaskLook

MIN_CALLERS = 2
CLOSED_LOOKS = 4  # slow looks in a row, most of a second: fewer may have met a moment
MOST_SITES = 4

LIMITER = "limiter"
PERMITS = frozenset({"semaphore", LIMITER})
"""Kinds of which a batch may be made to wait on purpose."""

QUEUE = "queue"
MEMBERS = "members"
"""What comes out of a queue of the user's own is a member where whoever got it puts it back; else it may be news."""

Place = tuple[str, str]
"""A function, by file and name."""

HELD = "object of a with block"
"""What is told of an object whose type does not show."""

ENTRIES = frozenset({"__aenter__", "__enter__"})


@dataclass(frozen=True, slots=True)
class _Queue:
    """Who queues for one object at one moment, in which waits (`waiting`), and who got further.

    `held` is what is the same for as long as one of these stays at one line in one wait. `is_closed`: each of them
    waits for somebody who queues.
    """

    at_s: float
    claim: Claim
    callers: tuple[Party, ...]
    waiting: frozenset[object]
    holders: tuple[tuple[Party, Culprit], ...]
    held: frozenset[object]
    sites: tuple[Culprit, ...]
    has_requests: bool
    is_closed: bool


def claimed_pools(process: ProcessRecording, ports: tuple[int, ...]) -> list[PoolUse]:
    """Every object for which callers queued in some look; without those that tell of themselves."""
    alone = stand_alone(process)
    told = {pool.address for look in process.task_looks for pool in look.pools} - alone
    seen: dict[int, list[_Queue]] = {}
    known = anatomies(process.functions)
    before: Mapping[int, frozenset[Party]] = {}
    for look in process.task_looks:
        asked: dict[int, list[Claim]] = {}
        for one in (*look.claims, *_tokens(look, alone), *_heads(look, known)):
            asked.setdefault(one.target, []).append(one)
        if not asked:
            before = {}
            continue
        work = Work(Moment.of(process, look, ports))
        for target, claims in asked.items():
            counting = [one for claim in claims for one in _members(claim, work, known)]
            queue = _queue(look.at_s, counting, work, known, before.get(target, frozenset())) if counting else None
            if queue and target not in told:
                seen.setdefault(target, []).append(queue)
        before = {target: _roots(work, (one.party for one in claims)) for target, claims in asked.items()}
    return [_use(process, queues) for queues in seen.values()]


def stand_alone(process: ProcessRecording) -> set[int]:
    """Limiters that no thread of a library's works for: who holds a token shows as who holds a permit does."""
    limiters = [one for look in process.task_looks for one in look.pools if one.kind == LIMITER]
    served = {one.address for one in limiters if one.tids or one.waiters is None}
    return {one.address for one in limiters} - served


def _tokens(look: TaskLook, alone: AbstractSet[int]) -> Iterator[Claim]:
    """The claims to tokens of limiters that stand alone."""
    for pool in look.pools:
        for task in (pool.waiters or ()) if pool.address in alone else ():
            yield Claim(Party(task=task), pool.address, LIMITER, pool.name, pool.size, pool.busy)


def _heads(look: TaskLook, known: Known) -> Iterator[Claim]:
    """The claims of greenlets that stand at the head of a `with` of the user's: code in C shows no frame of its own.

    They are suspended, so what the head asks for is not to be had; one line stands for one object.
    """
    for task in look.tasks:
        frame = task.chain[0] if task.waits_on == HUB and task.chain else None
        anatomy = find(known, frame.file, frame.line) if frame else None
        if frame and anatomy and anatomy.body_at(frame.line):
            target = zlib.crc32(f"{frame.file}:{frame.line}".encode())
            yield Claim(Party(task=task.address), target, "semaphore", HELD, is_lent=True, is_empty=True)


def _roots(work: Work, parties: Iterable[Party]) -> frozenset[Party]:
    return frozenset(map(work.root, parties))


def _members(claim: Claim, work: Work, known: Known) -> list[Claim]:
    """A claim as it counts: a queue of members is a pool where who asks puts back what he took, and nothing else.

    What is a queue by its shape alone is a pool where the source says so; leaving a `with` may be a consumer's way.
    """
    if claim.kind == QUEUE and _lending(_stack(work, claim.party), known) is not None:
        return [replace(claim, kind="pool", is_lent=True)]
    if claim.kind != MEMBERS:
        return [claim]
    return [replace(claim, kind="pool", is_lent=True)] if _is_lent(work, claim.party, known) else []


def _queue(at_s: float, claims: Sequence[Claim], work: Work, known: Known, before: frozenset[Party]) -> _Queue | None:
    """Who queues; `before` are those for whom somebody queued at the last look.

    Idle consumers of a queue work for nobody, and nobody came their way and holds what they wait for.
    """
    claims = _asking_still(work, claims)
    parties = tuple(one.party for one in claims)
    asking = set(parties)
    served = {work.root(one) for one in work.parties() if one.tid}  # a thread stands for the task that awaits it
    requests = [one for one in parties if work.is_request(one) or work.is_young(one)]
    is_short = claims[0].kind in PERMITS or (claims[0].kind == "pool" and _is_lost(claims[0]))
    callers = parties if is_short else tuple(requests)
    others = [one for one in work.parties() if one not in asking and (one.tid or one not in served)]
    ways = _ways((_stack(work, one) for one in callers), known, lends=claims[0].kind == "pool" and claims[0].is_lent)
    elsewhere = [one for one in others if not ways.keys() & set(map(_place, _stack(work, one)))]
    served_since = _served_since(work, elsewhere, before - _roots(work, parties))
    came = [*_came(work, others, claims, callers, ways), *served_since]
    holders = [(one, work.culprit(work.asker(one))) for one in dict.fromkeys(came)]
    further = tuple((one, culprit) for one, culprit in holders if not work.is_at_client(one))
    lost = _is_lost(claims[0]) or all(_gives_back(work, one, known) for one in claims)
    if len(callers) < MIN_CALLERS or not (further or (len(requests) >= MIN_CALLERS and lost)):
        return None
    sites = tuple(work.culprit(work.asker(one)) for one in callers)
    held = frozenset((one, culprit.line, work.wait(one)) for one, culprit in further)
    waiting = frozenset(map(work.standstill, callers))
    is_closed = bool(further) and all(work.depends_on(one, parties) for one, _ in further)
    return _Queue(at_s, claims[0], callers, waiting, further, held, sites, bool(requests), is_closed)


def _asking_still(work: Work, claims: Sequence[Claim]) -> Sequence[Claim]:
    """Without greenlets that wait for what they got: in the object as well, but beneath where others still ask."""
    ways = [_ways((_stack(work, one.party),), {}) for one in claims]
    deepest: dict[tuple[Place, int], _Way] = {}
    for mine in ways:
        for place, (way,) in mine.items():
            known = deepest.get((place, way.line))
            deepest[place, way.line] = way if known is None or _is_short_of(known, way) else known

    def is_served(claim: Claim, mine: Ways) -> bool:
        most = [(way, deepest[place, way.line]) for place, (way,) in mine.items()]
        shorter = [_leads_to(way, other) and _is_short_of(way, other) for way, other in most]
        return claim.kind == "pool" and work.is_suspended(claim.party) and any(shorter)

    return [claim for claim, mine in zip(claims, ways, strict=True) if not is_served(claim, mine)]


def _served_since(work: Work, others: Iterable[Party], gone: AbstractSet[Party]) -> list[Party]:
    """Those who work for somebody who queued a moment ago and does no longer: he has just got what he asked for."""
    return [one for one in others if work.root(one) in gone and user_frame(_stack(work, one))]


def _came(
    work: Work, others: Iterable[Party], claims: Iterable[Claim], callers: Sequence[Party], ways: Ways
) -> list[Party]:
    """Those who came the way of the callers and are not about to ask themselves."""
    calling = set(callers)
    said = {(one.by.file, one.by.function) for one in claims if one.by and one.party in calling}
    asking = frozenset(frame for one in callers for frame in work.stack(work.asker(one)))
    came = [one for one in others if (_passes(work, one, said) if said else _is_past(work, one, ways))]
    return [one for one in came if not _asks(work, one, asking)]


def _is_lost(claim: Claim) -> bool:
    """Whether a pool has no member left: where nobody works with one, they were not given back or callers hold them."""
    return claim.is_lent or (bool(claim.size) and claim.taken is not None and claim.taken >= (claim.size or 0))


@dataclass(frozen=True, slots=True)
class _Way:
    """From which line of the user's function an object is asked, and through which functions, innermost first.

    `body` are the lines in which somebody has what he asked for, where a `with` says so.
    """

    line: int
    inner: tuple[Place, ...]
    body: range | None = None


def _stack(work: Work, party: Party) -> Stack:
    """The stack of a thread or task, and under it that of the task which awaits what it does."""
    asker = work.asker(party)
    return work.stack(party) if asker == party else (*work.stack(party), *work.stack(asker))


Ways = Mapping[Place, Sequence[_Way]]


def _ways(stacks: Iterable[Stack], known: Known, *, lends: bool = False) -> Ways:
    """The ways of those who queue, by the function of the user's from which they ask: that which `lends`, if any."""
    found: dict[Place, list[_Way]] = {}
    for stack in stacks:
        if (depth := _asking(stack, known if lends else {})) is not None:
            frame = stack[depth]
            anatomy = find(known, frame.file, frame.line)
            way = replace(_way(stack, depth), body=anatomy.body_at(frame.line) if anatomy else None)
            found.setdefault(_place(frame), []).append(way)
    return found


def _asking(stack: Stack, known: Known) -> int | None:
    """How deep the user's function lies that asks: one that stands for `with` is left when the body runs.

    Where a function further out puts back what it got, it is that one: whoever has it has left those within.
    """
    if (depth := _lending(stack, known)) is not None and not _is_entry(stack, depth):
        return depth
    innermost = user_frame(stack)
    mine = [depth for depth, frame in enumerate(stack) if frame == innermost or is_user(frame)]
    return next((depth for depth in mine if not _is_entry(stack, depth)), next(iter(mine), None))


def _is_lent(work: Work, party: Party, known: Known) -> bool:
    """Whether what somebody asks for will be put back: by a function on his stack, or by leaving a `with`."""
    stack = _stack(work, party)
    entered = any(is_user(frame) and _name(frame) in ENTRIES for frame in stack)
    return entered or _lending(stack, known) is not None


def _lending(stack: Stack, known: Known) -> int | None:
    """How deep the innermost function of the user's lies that puts back what it asks for."""
    for depth, frame in enumerate(stack):
        anatomy = find(known, frame.file, frame.line) if is_user(frame) else None
        if anatomy and anatomy.puts_back(frame.line):
            return depth
    return None


def _is_entry(stack: Stack, depth: int) -> bool:
    """Whether a frame is `__enter__`, or the generator of a context manager which that runs."""
    return any(_name(frame) in ENTRIES for frame in (stack[depth], *stack[depth + 1 : depth + 2]))


def _is_past(work: Work, party: Party, ways: Ways) -> bool:
    """Whether somebody came the same way and got further: to another line, or into what does not lead there."""
    stack = _stack(work, party)
    for depth, frame in enumerate(stack):
        if before := ways.get(_place(frame)):
            way = _way(stack, depth)
            leading = [one for one in before if _leads_to(way, one)]
            leads = bool(leading) and not (work.is_suspended(party) and all(_is_short_of(way, one) for one in leading))
            is_over = way.line not in {one.line for one in before} and not any(_has(one, way.line) for one in before)
            return not is_over and (not leads or work.waits_in_kernel(party))
    return False


def _has(way: _Way, line: int) -> bool:
    """Whether at a line of the same function somebody may have what he asked for."""
    return way.body is None or line in way.body


def _leads_to(way: _Way, wait: _Way) -> bool:
    return way.line == wait.line and wait.inner[len(wait.inner) - len(way.inner) :] == way.inner


def _is_short_of(way: _Way, wait: _Way) -> bool:
    """Whether it calls fewer of the functions on the way: who is suspended there waits for something else, in C."""
    return len(way.inner) < len(wait.inner)


def _way(stack: Stack, depth: int) -> _Way:
    return _Way(stack[depth].line, tuple(map(_place, stack[:depth])))


def _place(frame: Frame) -> Place:
    return frame.file, frame.function


def _name(frame: Frame) -> str:
    return frame.function.rpartition(".")[2]


def _gives_back(work: Work, claim: Claim, known: Known) -> bool:
    """Whether who asks for a permit, of which none is left, gives back in the same function what he got."""
    frame = user_frame(work.stack(work.asker(claim.party))) if claim.is_empty else None
    anatomy = find(known, frame.file, frame.line) if frame else None
    return bool(frame and anatomy and anatomy.gives_back(frame.line))


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
    members = len(last.holders) or max(len(one.holders) for one in queues)
    held = _longest((one.at_s, one.held) for one in queues)
    return PoolUse(
        pid=process.pid,
        pool=Pool(last.claim.target, last.claim.kind, last.claim.name, size, max(size, members), len(last.callers)),
        full=Share(len(queues), len(process.task_looks)),
        queued_most=max(len(one.callers) for one in queues),
        holders=tuple(_holders(queues, held)),
        waiters=tuple(_one_a_line(site for one in queues for site in one.sites))[:MOST_SITES],
        waiting_tasks=sum(1 for one in last.callers if one.task),
        held_s=held,
        is_batch=(last.claim.kind in PERMITS or last.claim.is_lent) and not any(one.has_requests for one in queues),
        holding=members,
        waited_s=_longest((one.at_s, one.waiting) for one in queues),
        waits_for_itself=_is_closed(queues[-CLOSED_LOOKS:]),
    )


def _is_closed(queues: Sequence[_Queue]) -> bool:
    """Whether in all of these looks those who have a member waited for those who queue, of whom nobody was served."""
    is_still = all(queues[0].waiting <= one.waiting for one in queues)
    return len(queues) >= CLOSED_LOOKS and is_still and all(one.is_closed for one in queues)


def _longest(looks: Iterable[tuple[float, AbstractSet[object]]]) -> float:
    """The longest time in which look after look met one and the same."""
    since: dict[object, float] = {}
    longest = 0.0
    for at_s, met in looks:
        since = {one: since.get(one, at_s) for one in met}
        longest = max(longest, at_s - min(since.values(), default=at_s))
    return longest


def _holders(queues: Sequence[_Queue], longest_s: float) -> Iterable[Site]:
    found = [(party, culprit) for one in queues for party, culprit in one.holders]
    lines = Counter((culprit.file, culprit.line) for _, culprit in found)
    for line, count in lines.most_common(MOST_SITES):
        there = [(party, culprit) for party, culprit in found if (culprit.file, culprit.line) == line]
        share, parties = Share(count, len(found)), {party for party, _ in there}
        yield Site(_most_told(one for _, one in there), share, len(parties), longest_s)


def _one_a_line(sites: Iterable[Culprit]) -> list[Culprit]:
    return list({(one.file, one.line): one for one in sites}.values())


def _most_told(culprits: Iterable[Culprit]) -> Culprit:
    """Of several at one line the first with a route and with a thread or task: one that has ended has no name left."""
    return max(culprits, key=lambda one: (one.route is not None, bool(one.thread or one.task)))
