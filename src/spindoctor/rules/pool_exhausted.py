"""All members of a pool are busy and callers queue for one.

## What we saw
Look after look every thread of an executor (or every token of a limiter, every connection) was in use, and work waited
in its queue. The members themselves mostly wait: for a slow server, a lock, a sleep.

## Why it hurts
Whoever needs a member waits for one to come free, often much longer than its own work takes. CPU and event loop look
healthy meanwhile.

## What to do
Give what holds the members a timeout. Give slow calls an executor of their own, so that quick ones (and name look-ups)
do not queue behind them. Only then raise the size.

## False alarms
A pool that is full for a moment is normal: it must be full, with callers queued, in most of the slow looks. A pool that
computes a batch with nobody waiting for it is reported as information only. Idle consumers who wait for a queue to
bring them work are no callers: they work for no request.

## Missed alarms
A pool all of whose members were lost: nobody who holds one is left to be seen. A pool that is asked outside of any
request by tasks as old as the look, and an executor none of whose threads has been started.
"""

from __future__ import annotations

from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 4
"""Fewer slow looks cannot tell a full pool from a full moment."""

MIN_FULL = 0.5
"""Full, with callers queued, in more than half of the looks: the queue does not drain."""

LONG_HELD_S = 1.0
"""A member that is held for a second keeps its queue waiting for longer than a user likes to."""

COMPUTES = 0.8
"""A pool whose members compute in four looks of five is short of CPU, not of members."""


def check(pools: Pools) -> Outcome:
    """Found for each pool that was full with callers queued."""
    if pools.looks < MIN_LOOKS:
        return Unsure(f"{pools.looks} looks at the pools; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [_finding(use) for use in pools.pools if use.full.low >= MIN_FULL]
    if findings:
        return Found(tuple(findings))
    told = [
        f"{_name(use)}: {use.pool.busy} of {use.pool.size} busy, at most {use.queued_most} queued"
        for use in pools.pools
    ]
    return Clear("; ".join(told) or f"{pools.looks} looks: no pool with a member was found")


def _name(use: PoolUse) -> str:
    default = "the loop's default " if use.pool.is_default else ""
    return f"{default}{use.pool.kind} {use.pool.name}".strip() + f" of {use.pid}"


def _finding(use: PoolUse) -> Finding:
    site = use.holders[0] if use.holders else None
    where = f", most of them in {site.culprit.function}" if site and site.culprit.function else ""
    return Finding(
        claim=f"{_state(use)}{where}",
        severity=_severity(use),
        confidence="high",
        cost=Cost(waiting=use.queued_most, delay_s=use.held_s),
        culprit=site.culprit if site else Culprit(pid=use.pid),
        culprits=(*(one.culprit for one in use.holders[1:3]), *use.waiters),
        evidence=_evidence(use),
        against=() if site else ("what the members do could not be read",),
        fix=(
            "Give the call that holds the members a timeout, and slow calls an executor of their own.",
            "Raise the size only when the members really have to wait that long.",
        ),
        now=("Requests that do not need this pool are served; those that do wait until a member comes free.",),
        explains="the seconds that requests wait while CPU and event loop look healthy",
        would_change="a look in which a member is free while callers still queue",
    )


def _state(use: PoolUse) -> str:
    queue = f"{use.pool.queued} {_queuers(use)} queue"
    if use.holding is None or use.pool.size:
        return f"all {use.pool.size} members of {_name(use)} are busy and {queue}"
    return f"{queue} for {_name(use)} while {use.holding} others that asked it have what they asked for"


def _queuers(use: PoolUse) -> str:
    return "pieces of a batch" if use.is_batch else "callers"


def _severity(use: PoolUse) -> Severity:
    computes = use.holders_computing.low >= COMPUTES
    if use.is_batch or (computes and not use.waiting_tasks):
        return "info"
    return "critical" if use.held_s >= LONG_HELD_S and not computes else "warning"


def _evidence(use: PoolUse) -> tuple[Figure, ...]:
    pool = use.pool
    figures = [
        Figure("full", "slow looks with every member busy and callers queued", str(use.full), "", "pool object"),
        Figure("size", "members", pool.size or "not readable", "members", "pool object"),
        Figure("busy", "members in use at the last look", pool.busy, "members", "pool object"),
        Figure("queued", "callers queued at most", use.queued_most, "callers", "pool object"),
        Figure("waiting_tasks", "tasks that wait for a thread", use.waiting_tasks, "tasks", "await chains"),
        Figure("computing", "looks at its threads that found them computing", str(use.holders_computing), "", "stacks"),
    ]
    for number, site in enumerate(use.holders[:3]):
        calls = ", ".join(name for name, _ in site.calls)
        what = f"{site.culprit.function}:{site.culprit.line}" + (f" in {calls}" if calls else "")
        figures.append(Figure(f"holders_{number}", f"members at {what}", str(site.share), "", "stacks"))
    figures.append(Figure("held", "longest that a member stayed at one line", round(use.held_s, 2), "s", "stacks"))
    return tuple(figures)


RULE = Rule(
    slug="pool-exhausted",
    title="A pool is exhausted and callers queue",
    needs=(Pools,),
    check=check,
    page=__doc__,
    explains=("slow-downstream",),
)
