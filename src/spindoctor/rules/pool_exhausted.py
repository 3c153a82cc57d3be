"""All members of a pool are busy and callers queue for one.

## What we saw
Look after look every thread of an executor (or every token of a limiter, every connection) was in use, and work waited
in its queue. The members themselves mostly wait: for a slow server, a lock, a sleep.

## Why it hurts
Whoever needs a member waits for one to come free, often much longer than its own work takes. CPU and event loop look
healthy meanwhile.

A server's workers are a pool too: where all of them stand in requests, connections wait until somebody accepts them,
or requests in a queue that the server keeps for its threads. So are tasks and threads that take work for requests out
of a queue, also where requests wait for room in it, and the things in a queue of the service's own, where a function
that takes one puts it back, or the end of a `with`.

## What to do
Give what holds the members a timeout. Give slow calls an executor of their own, so that quick ones (and name look-ups)
do not queue behind them. Only then raise the size.

## False alarms
A pool that is full for a moment is normal: it must be full, with callers queued, in most of the slow looks. The short
queue of a server's own threads is information only, unless the last in it waits for a thread for longer than for what
one does. So is the queue for a permit or member that moves so fast that no two slow looks meet the same one in it. A
pool that computes a batch with nobody waiting for it is reported as information only. Idle consumers who wait for a
queue to bring them work are no callers: they work for no request; nor are producers who wait for room in a queue, but
for requests. A process that has a server's socket and no request is no worker of it.

## Missed alarms
A pool all of whose members were lost: nobody who holds one is left to be seen. A pool that is asked outside of any
request by tasks as old as the look, and an executor none of whose threads has been started. Worker processes whose
owner, or a broker, keeps what waits for them: that they are never free is said, and no more. A queue of the service's
own whose members are put back by others than those who took them: it may as well hand out news. A queue for tasks that
is a global variable, or one that hands on something else than what the request itself waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.model.facts import Pools, PoolUse, Site
from spindoctor.model.frames import Frame
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.tasks import Pool

MIN_LOOKS = 4
"""Fewer slow looks cannot tell a full pool from a full moment."""

MIN_FULL = 0.5
"""Full, with callers queued, in more than half of the looks: the queue does not drain."""

LONG_HELD_S = 1.0
"""A member that is held for a second keeps its queue waiting for longer than a user likes to."""

NOTICED_S = 0.1
"""A longer wait is no longer felt as none (Nielsen 1993, Usability Engineering, chapter 5)."""

MOST = 0.5
"""Half of the looks at the members: only with more is it true that most of them are there."""

MIN_PLACE = 0.1
"""Without the work at a place that takes a tenth of the members' time the queue is hardly shorter."""

MOSTLY = 0.5
"""A system call that fewer of the looks at a line met is not what that line waits for."""

COMPUTES = 0.8
"""A pool whose members compute in four looks of five is short of CPU, not of members."""


WORKERS = "workers"
"""The kind of pool whose members are a server's, and whose callers are connections that nobody accepts."""


CREW = "crew"
"""The kind whose members are a server's threads, and whose callers are requests that it has accepted."""

TASK_CREW = "task crew"
"""Tasks that serve requests out of a queue."""

QUEUE_CREW = "queue crew"
"""Threads that do, and are not the server's own."""

SERVERS = frozenset({CREW, TASK_CREW, QUEUE_CREW})
"""Threads and tasks that serve requests out of a queue."""

MAY_BE_FULL = frozenset({*SERVERS, "job pool"})
"""A server that is busy has a short queue all the time, and so has a pool that is made to measure for a machine."""


FOR_EVER = ", and wait there for callers who queue behind them: it never ends"
"""What is added of a pool that waits for itself."""

NO_SECOND = "Let nobody who holds a member ask for a second one, nor wait for somebody who does."
"""What cures a pool that waits for itself, and may cure one whose members are all gone."""


def check(pools: Pools) -> Outcome:
    """Found for each pool that was full with callers queued."""
    if pools.looks < MIN_LOOKS:
        return Unsure(f"{pools.looks} looks at the pools; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [_finding(use) for use in pools.pools if use.full.low >= MIN_FULL]
    if findings:
        return Found(tuple(findings))
    often = [use for use in pools.pools if use.full.ratio >= MIN_FULL]
    if often:
        return Unsure(
            f"{_name(often[0])} was full with callers queued in {often[0].full}: too few to tell "
            "a queue that stands from one that drains; look for longer (--seconds)"
        )
    told = [f"{_name(use)}: {_busy(use.pool)} busy, at most {use.queued_most} queued" for use in pools.pools]
    return Clear("; ".join(told) or f"{pools.looks} looks: no pool with a member was found")


def _busy(pool: Pool) -> str:
    return f"{pool.busy} of {pool.size}" if pool.size else f"{pool.busy} of an unknown number"


def _name(use: PoolUse) -> str:
    if use.pool.kind == WORKERS:
        return f"the server at {use.pool.name}"
    if use.pool.kind == CREW:
        return f"the server's threads ({use.pool.name}) of {use.pid}"
    if use.pool.kind == TASK_CREW:
        return f"the tasks that serve a queue ({use.pool.name}) of {use.pid}"
    if use.pool.kind == QUEUE_CREW:
        return f"the threads that serve a queue ({use.pool.name}) of {use.pid}"
    default = "the loop's default " if use.pool.is_default else ""
    return f"{default}{use.pool.kind} {use.pool.name}".strip() + f" of {use.pid}"


def _finding(use: PoolUse) -> Finding:
    places = _places(use)
    site = places[0] if places else None
    blamed = _blamed([one.culprit for one in places], use)
    return Finding(
        claim=_claim(use, site) + (FOR_EVER if use.waits_for_itself else ""),
        severity=_severity(use),
        confidence="high",
        cost=Cost(waiting=use.queued_most, delay_s=_delay_s(use), never_ends=use.waits_for_itself),
        culprit=blamed[0],
        culprits=tuple(blamed[1:3]),
        evidence=_evidence(use, places),
        against=() if site or _is_lost(use) else ("what the members do could not be read",),
        fix=_fix(use),
        now=(_now(use),),
        explains=_explains(use),
        would_change="a look in which a member is free while callers still queue",
    )


def _blamed(places: Sequence[Culprit], use: PoolUse) -> Sequence[Culprit]:
    """Where members stand; before library code where they do a call of the C library, those who asked for it."""
    mine = [one for one in places if _is_users(one)]
    asked = [] if mine else [one for one in use.waiters if _is_users(one)]
    return [*mine, *asked, *(one for one in places if one not in mine)] or use.waiters or [Culprit(pid=use.pid)]


def _explains(use: PoolUse) -> str:
    if use.is_batch:
        return "how long the batch takes"
    if _computes(use):
        return "the seconds that requests wait: those who serve them compute"
    return "the seconds that requests wait while CPU and event loop look healthy"


def _computes(use: PoolUse) -> bool:
    return use.holders_computing.low >= COMPUTES


def _fix(use: PoolUse) -> tuple[str, ...]:
    if _computes(use):
        return (
            "Make the work of the members cheaper: more of them help only as far as cores are free, and threads of one "
            "process share its GIL.",
        )
    if use.pool.kind == WORKERS:
        return (
            "Give the call that holds the workers a timeout, or take it out of the request.",
            "Start more workers, or workers with threads, only when requests really have to wait that long.",
        )
    if use.waits_for_itself:
        return (NO_SECOND, "Or take the first one only when all that it is needed for has been brought.")
    if _is_lost(use):
        back = (
            "Give each member back on every way out of the code that took it: `with`, `async with`, `try ... finally`."
        )
        return (back, NO_SECOND)
    return (
        "Give the call that holds the members a timeout, and slow calls a pool of their own.",
        "Raise the size only when the members really have to wait that long.",
    )


def _now(use: PoolUse) -> str:
    if use.pool.kind == WORKERS:
        return "Every new connection waits until a worker comes free, whatever it asks for."
    return "Requests that do not need this pool are served; those that do wait until a member comes free."


def _places(use: PoolUse) -> list[Site]:
    """What holds the members, most first.

    Members between two jobs stand in library code alone: such a place counts only where more than half are at it.
    """
    most = [one for one in use.holders[:1] if one.share.low > MOST]
    work = [one for one in use.holders if one.share.low >= MIN_PLACE and _is_users(one.culprit) and one not in most]
    return [*most, *work] or list(use.holders[:1])


def _is_users(culprit: Culprit) -> bool:
    return is_user(Frame("", culprit.file or "", 0))


def _is_lost(use: PoolUse) -> bool:
    """All members are taken, and nobody is met who got one and has gone on."""
    return use.holding == 0


def _delay_s(use: PoolUse) -> float:
    """About how long the last in the queue waits at least; 0 where neither a member's wait nor a caller's tells.

    One call may consist of several such waits.
    """
    if use.call_s and use.pool.size:
        return use.queued_most / use.pool.size * use.call_s
    return use.waited_s


def _claim(use: PoolUse, site: Site | None) -> str:
    is_most = site is not None and site.share.low > MOST and use.pool.size != 1
    often = "most of them" if is_most else "most often"
    where = f", {often} in {site.culprit.function}" if site and site.culprit.function else ""
    if use.pool.kind == WORKERS:
        return f"{_unaccepted(use.pool.queued)}: {_workers(use)} of {_name(use)} {_are(use)} busy{where}"
    queue = f"{use.pool.queued} {_queuers(use)} queue" if use.pool.queued != 1 else f"1 {_queuer(use)} queues"
    if use.queued_most > use.pool.queued:
        queue = f"{queue} at the last look, {use.queued_most} at most"
    every = "the only member" if use.pool.size == 1 else f"all {use.pool.size} members"
    if _is_lost(use):
        if not use.pool.size:
            return (
                f"{queue}: no permit of {_name(use)} is left, and of those who came the same way nobody is met who has "
                "one: others hold them, or those who queue do"
            )
        asked = f" after they were asked for in {use.waiters[0].function}" if use.waiters else ""
        return (
            f"{queue}: {every} of {_name(use)} {_are(use)} taken and nobody is met who works with one: "
            f"{_they(use)} not given back{asked}, or those who queue hold {_them(use)}"
        )
    if use.holding is None or use.pool.size:
        return f"{queue}: {every} of {_name(use)} {_are(use)} busy{where}"
    return f"{queue} for {_name(use)} while {use.holding} others that asked it have what they asked for{where}"


def _unaccepted(waiting: int) -> str:
    return f"{waiting} connections wait to be accepted" if waiting != 1 else "1 connection waits to be accepted"


def _are(use: PoolUse) -> str:
    return "is" if use.pool.size == 1 else "are"


def _they(use: PoolUse) -> str:
    return "it was" if use.pool.size == 1 else "they were"


def _them(use: PoolUse) -> str:
    return "it" if use.pool.size == 1 else "them"


def _workers(use: PoolUse) -> str:
    """How many there are; a process may have several threads that serve requests."""
    if use.pool.size == 1:
        return "the only worker"
    several = len(use.processes)
    return f"all {use.pool.size} workers" + (f" in {several} processes" if 1 < several < use.pool.size else "")


def _queuers(use: PoolUse) -> str:
    return "pieces of a batch" if use.pool.kind not in SERVERS and use.is_batch else f"{_queuer(use)}s"


def _queuer(use: PoolUse) -> str:
    if use.pool.kind in SERVERS:
        return "request"
    return "piece of a batch" if use.is_batch else "caller"


def _severity(use: PoolUse) -> Severity:
    computes = _computes(use)
    if use.is_batch or (computes and not use.waiting_tasks and use.pool.kind != WORKERS):
        return "info"
    is_long = max(use.held_s, _delay_s(use)) >= LONG_HELD_S or (_queues_most(use) and _answer_s(use) >= LONG_HELD_S)
    if not (is_long or _queues_most(use)) and (use.pool.kind in MAY_BE_FULL or _serves(use) or _is_brisk(use)):
        return "info"
    return "critical" if is_long and not computes else "warning"


def _is_brisk(use: PoolUse) -> bool:
    """Whether nobody was met twice in one wait, neither who asks nor who got it: a limit that does what it is for."""
    return use.holding is not None and use.holding > 0 and not (use.held_s or use.waited_s)


def _answer_s(use: PoolUse) -> float:
    """About how long the last in the queue waits until its own work is done; 0 where that is not known."""
    delay_s = _delay_s(use)
    return delay_s + use.call_s if use.call_s and delay_s else 0.0


def _queues_most(use: PoolUse) -> bool:
    """Whether the last in the queue waits for a member for longer than for what one does, and long enough to notice."""
    return use.call_s is not None and _delay_s(use) >= max(use.call_s, NOTICED_S)


def _serves(use: PoolUse) -> bool:
    """Whether an executor's threads are a server's own: they have requests in hand, and nobody awaits what they do."""
    holder = use.holders[0].culprit if use.holders else None
    return use.pool.kind == "executor" and not use.waiting_tasks and holder is not None and holder.route is not None


def _evidence(use: PoolUse, places: Sequence[Site]) -> tuple[Figure, ...]:
    figures = [*(_of_server(use) if use.pool.kind == WORKERS else _of_object(use))]
    if use.holders_computing.of:
        what = "looks at its threads that found them computing"
        figures.append(Figure("computing", what, str(use.holders_computing), "", "stacks"))
    for number, site in enumerate(places[:3]):
        calls = ", ".join(name for name, count in site.calls if count >= MOSTLY * site.share.count)
        what = f"{site.culprit.function}:{site.culprit.line}" + (f" in {calls}" if calls else "")
        figures.append(Figure(f"holders_{number}", f"members at {what}", str(site.share), "", "stacks"))
    return (*figures, *_times(use), *_callers(use))


def _of_object(use: PoolUse) -> Iterator[Figure]:
    pool, source = use.pool, "pool object"
    yield Figure("full", "slow looks with every member busy and callers queued", str(use.full), "", source)
    yield Figure("size", "members", pool.size or "not readable", "members" if pool.size else "", source)
    yield Figure("busy", "members in use at the last look", pool.busy, "members", source)
    yield Figure("queued", "callers queued at most", use.queued_most, "callers", source)
    yield Figure(
        "waiting_tasks", "tasks that wait for a member or for what one does", use.waiting_tasks, "tasks", "await chains"
    )


def _of_server(use: PoolUse) -> Iterator[Figure]:
    yield Figure("full", "looks at the queue that found connections waiting", str(use.full), "", "socket diagnosis")
    yield Figure("size", "workers, each with a request", use.pool.size, "workers", "stacks, descriptors")
    yield Figure("processes", "processes of the workers", ", ".join(map(str, use.processes)), "", "descriptors")
    yield Figure("queued", "connections that waited to be accepted, at most", use.queued_most, "", "socket diagnosis")


def _times(use: PoolUse) -> Iterator[Figure]:
    if use.holding is not None:
        yield Figure("held", "longest that looks in a row met one at one line", round(use.held_s, 2), "s", "stacks")
    elif use.held_s:
        yield Figure("held", "longest that a member waited at one line at a time", round(use.held_s, 2), "s", "stacks")
    if use.call_s:
        yield Figure("call", "a wait there that was seen whole took about", round(use.call_s, 2), "s", "stacks")
    if use.waited_s:
        yield Figure(
            "waited", "longest that looks in a row met a caller waiting", round(use.waited_s, 2), "s", "stacks"
        )
    elif delay_s := _delay_s(use):
        yield Figure(
            "delay",
            "the last caller waits at least about (queued / members x that wait)",
            round(delay_s, 2),
            "s",
            "stacks",
        )


def _callers(use: PoolUse) -> Iterator[Figure]:
    for number, one in enumerate(use.waiters):
        if one.function and _is_users(one):
            yield Figure(f"callers_{number}", "callers wait in", f"{one.function}:{one.line}", "", "stacks")


RULE = Rule(
    slug="pool-exhausted",
    title="A pool is exhausted and callers queue",
    needs=(Pools,),
    check=check,
    page=__doc__,
    explains=("slow-downstream",),
)
