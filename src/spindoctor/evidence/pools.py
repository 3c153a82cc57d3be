"""Pools: how often all members were busy while callers queued, and what the members did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.claims import claimed_pools, stand_alone
from spindoctor.evidence.handed_out import handed_out
from spindoctor.evidence.members import call_s, computes, member_moments, merged
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.room import CREWS_OF_QUEUES, QUEUE_CREW, with_full_queues
from spindoctor.evidence.sites import Namer, group
from spindoctor.evidence.task_crews import crew_places, longest_wait_s
from spindoctor.evidence.workers import worker_pools
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.frames import Frame
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool, Task

HAND_OVER = frozenset({"to_thread", "run_in_executor", "run_sync", "run_in_threadpool", "run_sync_in_worker_thread"})
"""Functions in which a task waits for a thread of a pool.

They show who waits; they never decide whether a pool is full.
"""

FUTURES_FILE = "concurrent/futures/_base.py"
JOBS_FILE = "multiprocessing/pool.py"
JOB_COLLECTORS = frozenset({"join", "get", "wait", "next"})
COLLECTORS = frozenset({"result", "result_iterator", "wait", "as_completed", "_result_or_cancel"})
"""Functions of the standard library in which a thread waits for the results of work that it handed to a pool."""

CREW = "crew"
MOST_LOOKS = 0.5

MOST_WAITERS = 4


def pools(recording: Recording) -> Pools | Missing:
    """Every pool that was found, the fullest first."""
    ports = recording.target.ports
    looked = [with_full_queues(one, ports) for one in recording.processes if one.task_looks]
    if not looked:
        return Missing("no look at the pools succeeded")
    found = [use for process in looked for use in (*_of_process(process, recording), *claimed_pools(process, ports))]
    found += [*worker_pools(recording), *handed_out(recording)]
    ranked = sorted(found, key=lambda one: (one.full.ratio, one.queued_most), reverse=True)
    return Pools(tuple(ranked), looks=sum(len(one.task_looks) for one in looked))


def _of_process(process: ProcessRecording, recording: Recording) -> list[PoolUse]:
    seen: dict[tuple[int, str], list[Pool]] = {}
    alone = stand_alone(process)
    for look in process.task_looks:
        for pool in {one.address: one for one in look.pools if one.address not in alone}.values():
            seen.setdefault((pool.address, pool.name), []).append(pool)  # an address is given to the next one
    namer = Namer(process)
    return [
        _use(process, states, namer, recording)
        for states in seen.values()
        if (states[-1].kind != CREW or _serves(process, states, namer))
        and (states[-1].kind != QUEUE_CREW or _is_asked(process, states, namer))
        and (states[-1].kind not in CREWS_OF_QUEUES or any(one.size for one in states))  # nobody serves it: no pool
    ]


def _is_asked(process: ProcessRecording, states: Sequence[Pool], namer: Namer) -> bool:
    """Whether those whose work lies in a queue are at work for requests; tasks are only counted where they are."""
    moments = member_moments(process, {tid for one in states for tid, _ in one.asking})
    of_threads = Share(sum(1 for one in moments if namer.route(one.stack)), len(moments))
    return any(one.waiters for one in states) or of_threads.low >= MOST_LOOKS


def _serves(process: ProcessRecording, states: Sequence[Pool], namer: Namer) -> bool:
    """Whether these threads work for requests: others that have more to do than they can are a batch."""
    moments = member_moments(process, {tid for one in states for tid in one.tids})
    return Share(sum(1 for one in moments if namer.route(one.stack)), len(moments)).low >= MOST_LOOKS


def _use(process: ProcessRecording, states: Sequence[Pool], namer: Namer, recording: Recording) -> PoolUse:
    last = states[-1]
    full = sum(1 for one in states if one.busy >= one.size > 0 and one.queued > 0)
    tids = {tid for one in states for tid in one.tids}
    apart = [one for one in recording.processes if one.pid in tids and one is not process]
    met = [(process, namer, member_moments(process, tids))]
    met += [(one, Namer(one), member_moments(one, {one.pid})) for one in apart]
    moments = [moment for _, _, found in met for moment in found]
    of = len(moments)
    waiters = _waiting_tasks(process, last)
    first = last.tids[0] if last.tids else 0
    places = [
        site
        for one, its, found in met
        for site in group(found, its, first if one is process else one.pid, of, by_line=True)
    ]
    holders = merged(places) if apart else tuple(places)
    if last.tasks:
        holders = crew_places(process, states, namer)
    return PoolUse(
        pid=process.pid,
        pool=last,
        full=Share(full, len(process.task_looks)),
        queued_most=max(one.queued for one in states),
        holders=holders,
        waiters=_waiters(waiters, namer),
        waiting_tasks=len(waiters),
        holders_computing=Share(sum(1 for one in moments if computes(one)), of),
        held_s=longest_wait_s(process, states) if last.tasks else holders[0].longest_s if holders else 0.0,
        holding=len(last.tasks) or None,
        is_batch=not waiters and _is_collected(process, last),
        call_s=call_s(moments),
        met=len(states),
        waited_s=longest_wait_s(process, states) if last.kind == QUEUE_CREW else 0.0,
    )


def _is_collected(process: ProcessRecording, pool: Pool) -> bool:
    """Whether just one thread that is neither a member nor runs an event loop waits for results, in most looks."""
    apart = {*pool.tids, *(use.tid for use in process.threads if use.loop is not None)}
    met = [look.stack for sample in process.samples for look in sample.threads if look.tid not in apart]
    collect = {id(stack) for stack in {id(stack): stack for stack in met}.values() if any(map(_collects, stack))}
    waits = [
        sum(look.tid not in apart and id(look.stack) in collect for look in sample.threads) == 1
        for sample in process.samples
    ]
    return bool(waits) and Share(sum(waits), len(waits)).low >= MOST_LOOKS


def _collects(frame: Frame) -> bool:
    name = frame.function.rpartition(".")[2]
    return (frame.file.endswith(FUTURES_FILE) and name in COLLECTORS) or (
        frame.file.endswith(JOBS_FILE) and name in JOB_COLLECTORS
    )


def _waiting_tasks(process: ProcessRecording, pool: Pool) -> list[Task]:
    """The tasks that wait for this pool; where it does not say whom it works for, all that wait for any."""
    last = process.task_looks[-1].tasks
    if pool.waiters is not None:
        return [one for one in last if one.address in pool.waiters]
    return [one for one in last if any(frame.function.rpartition(".")[2] in HAND_OVER for frame in one.chain)]


def _waiters(tasks: Sequence[Task], namer: Namer) -> tuple[Culprit, ...]:
    places = Counter((task.chain, task.address) for task in tasks)
    by_line = {user_frame(chain): (chain, address) for chain, address in places}
    return tuple(namer.culprit(chain, None, address) for chain, address in list(by_line.values())[:MOST_WAITERS])
