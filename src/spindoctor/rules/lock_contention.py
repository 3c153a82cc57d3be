"""Threads or tasks queue for one lock.

## What we saw
In most looks somebody waited for the same lock, several at a time or one for long, while another thread or task had
it.

## Why it hurts
Only one of them works at a time, however many there are: what holds the lock sets the pace for all.

## What to do
Do less while the lock is held: call servers, databases and files before or after. Where the data allows it, use a
lock for each part instead of one for all.

## False alarms
A lock that is waited for now and then is normal: it must be so in half of the slow looks, with two waiters on average
or half a second of waiting for a holder that is known. Where nobody is seen to have the lock it is information only.
So is a lock of a file that stays with one process for the whole look while no request waits for it: that is how one
of several is chosen to lead.
Threads that wait for a sign (an event, a queue, a condition) are not counted, nor is a lock that is held by whoever
waits for the next connection, or for what comes through a pipe: such are the idle workers of a process pool.

An embedded database does not wait for the lock of its file: it asks again and again and sleeps in between. That counts
where a request sleeps so and gets the lock in the end, or where a thread stands behind the line at which the others
ask; else the answer is that it is not known. Libraries of file locks do the same in Python: there the file's path is at
hand where they sleep.

## Missed alarms
Locks of C libraries and of servers of databases. The holder is known where it holds the lock in a `with` block, where
the function that took it gives it back (`release()`, in a `finally` or further down), or where the lock is an `RLock`
or one of `multiprocessing`.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.counting import count
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.waiting import LockUse, LockUses

MIN_LOOKS = 4
"""Fewer slow looks cannot tell a queue from a moment."""

MIN_QUEUED = 0.4
"""Waited for in half of the looks and more: six of eight looks are at least 41 %."""

MIN_WAITERS = 2.0
"""Two who wait on average are a queue; one may just have come."""

LONG_S = 0.5
"""Nobody likes to wait half a second for a lock."""

LONG_FOR_NOBODY_S = 1.0
"""A lock with a holder that cannot be read may be a signal; requests that wait for one for a second wait too long."""

LOST = "Who waits goes on when somebody releases it; where its holder has ended, only a restart of the process helps."
"""What can be done about a lock that nobody is seen to have."""

NOBODY = (
    ", and nobody in this process is seen to have it: who had it may have ended, a fork may have copied it "
    "while another thread had it, or it was taken without `with`"
)
"""The ways in which a lock loses its holder from sight."""

NEXT_CLIENT = frozenset({"accept", "accept4"})
"""Threads that take turns at accepting connections wait for clients, not for each other."""


def check(uses: LockUses) -> Outcome:
    """Found for each lock that threads or tasks queue for."""
    if uses.looks < MIN_LOOKS:
        return Unsure(f"{uses.looks} looks at the locks; {MIN_LOOKS} are needed: look for longer (--seconds)")
    queues = [use for use in uses.locks if _is_queue(use)]
    if findings := [_finding(use) for use in queues if use.is_proven]:
        return Found(tuple(findings))
    if queues:
        return Unsure(_unproven(queues[0]))
    told = [
        f"a {one.type_name} was waited for in {one.queued}, at most {one.longest_s:.2f} s" for one in uses.locks[:3]
    ]
    apart = f" but those who stand still in {count(uses.stuck, 'process', 'processes')}" if uses.stuck else ""
    return Clear("; ".join(told) or f"nobody{apart} waited for a lock in {uses.looks} looks")


def _unproven(use: LockUse) -> str:
    where = f" at {use.sites[0].function}" if use.sites else ""
    return (
        f"{use.waiters:.1f} threads of {_processes(use)} sleep{where} while {_holder(use)} "
        f"({use.type_name}): whether they ask for it again and again, or sleep for a reason of their own, does not show"
    )


def _is_queue(use: LockUse) -> bool:
    is_long = use.waiters >= MIN_WAITERS or (use.longest_s >= LONG_S and use.holder is not None)
    return use.queued.low >= MIN_QUEUED and is_long and not NEXT_CLIENT & set(use.holder_calls)


def _finding(use: LockUse) -> Finding:
    who = "tasks" if use.of_tasks else "threads"
    where = use.sites[0].function if use.sites else None
    at = f" at {where}" if where else ""
    culprit = _culprit(use)
    does = f" while {_holder(use)}" if use.holder else NOBODY if _keeps_requests(use) else ""
    return Finding(
        claim=f"{use.waiters:.1f} {who} of {_processes(use)} wait for one {use.type_name} on average{at}{does}",
        severity=_severity(use),
        confidence="high" if use.holder else "medium",
        cost=Cost(waiting=use.waiters_most, delay_s=use.longest_s),
        culprit=culprit,
        culprits=use.sites if culprit == use.holder else use.sites[1:],
        evidence=(
            Figure("queued", "slow looks with somebody waiting for it", str(use.queued), "", "lock object and stacks"),
            Figure("waiters", "waiters on average in these", round(use.waiters, 1), who, "lock object and stacks"),
            Figure("waiters_most", "waiters at most", use.waiters_most, who, "lock object and stacks"),
            Figure("longest", "longest wait that was seen", round(use.longest_s, 2), "s", "stacks"),
            Figure("holder", "what has it", _holder(use), "", "lock object and stacks"),
        ),
        against=_against(use),
        fix=(
            *(() if use.holder else ("Take locks by `with`, and start threads that take them after the fork.",)),
            "Do less while the lock is held: call servers, databases and files before or after.",
            "Where the data allows it, use a lock for each part instead of one for all.",
        ),
        now=(LOST if use.holder is None and _keeps_requests(use) else "Requests go on one at a time.",),
        explains="requests that wait for each other while CPU and event loop look healthy",
        would_change="a look in which nobody waits for this lock",
    )


def _culprit(use: LockUse) -> Culprit:
    """Where it is held; where only the process that has it is known, where they wait."""
    if use.holder and use.holder.function:
        return use.holder
    if not use.sites:
        return use.holder or Culprit(pid=use.pid)
    is_other = use.holder is not None and use.holder.pid not in use.processes
    return replace(use.sites[0], note=f"waits here; {_holder(use)}") if is_other else use.sites[0]


def _against(use: LockUse) -> tuple[str, ...]:
    if use.holder is None:
        return ("who has the lock could not be read",)
    is_known = use.holder.function or use.holder.pid not in use.processes
    return () if is_known else ("which of the process's threads has the lock could not be read",)


def _severity(use: LockUse) -> Severity:
    """A lock of a file that never changes hands may be how one of several is chosen to lead."""
    if _keeps_requests(use):
        return "warning"
    return "warning" if use.holder and not use.stays else "info"


def _keeps_requests(use: LockUse) -> bool:
    """Whether requests wait for long, whoever has it."""
    return use.longest_s >= LONG_FOR_NOBODY_S and any(site.route for site in use.sites)


def _processes(use: LockUse) -> str:
    return f"{len(use.processes)} processes" if len(use.processes) > 1 else f"pid {use.pid}"


def _holder(use: LockUse) -> str:
    if use.holder is None:
        return "not readable"
    calls = f", in {', '.join(use.holder_calls)}" if use.holder_calls else ""
    if use.holder.function is None:
        return f"process {use.holder.pid} has it"
    other = f" of process {use.holder.pid}" if use.processes else ""
    return f"{use.holder.function or 'somebody'}:{use.holder.line}{other} has it{calls}"


RULE = Rule(
    slug="lock-contention",
    title="Threads or tasks queue for one lock",
    needs=(LockUses,),
    check=check,
    page=__doc__,
    explains_there=("pool-exhausted",),
)
