"""Worker processes that a library hands work to, and that are at it all the time: asleep in the user's own code.

A server's workers show by their requests, and members of a pool that was read by that pool. Others (workers of a queue
whose broker is another process) show by their stacks alone: a function of the user's that a library's loop has called.
What else waits for them is kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spindoctor.evidence.members import member_moments, merged
from spindoctor.evidence.origin import once_each, since_fork, user_frame
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.model.facts import Site
from spindoctor.model.frames import Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.share import Share

ALL_THE_TIME = 0.9
"""Lower bound of the looks: between two pieces of work a worker fetches the next, which takes the others."""

MOST = 0.5
"""One that computes in half of the looks shows by its CPU."""

MOST_SITES = 3
WORKER = "worker"

STARTS = frozenset({"run"})
"""What calls the function that a process or thread was made for (Lib/multiprocessing/process.py): no piece of work."""


def employed(recording: Recording) -> tuple[int, tuple[Site, ...]]:
    """How many worker processes are at work all the time, and where they sleep; none where one of them is free."""
    workers = never_free(recording)
    if not workers or not all(_sleeps(one.moments) for one in workers):
        return 0, ()
    return len(workers), places(workers, [_asleep(one.moments) for one in workers])[:MOST_SITES]


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, and the looks at its main thread."""

    process: ProcessRecording
    moments: tuple[Moment, ...]


def never_free(recording: Recording) -> list[Worker]:
    """All worker processes that no server's requests and no pool tell of, where each is at work all the time."""
    pooled = {tid for one in recording.processes for look in one.task_looks for pool in look.pools for tid in pool.tids}
    roles = {one.pid: one.role for one in recording.target.processes}
    workers = [
        Worker(one, tuple(member_moments(one, {one.pid})))
        for one in recording.processes
        if roles.get(one.pid) == WORKER and one.pid not in pooled and _may_be(one)
    ]
    return workers if all(_is_busy(one.moments) for one in workers) else []


def places(workers: Sequence[Worker], moments: Sequence[Sequence[Moment]]) -> tuple[Site, ...]:
    """Where these looks found the workers, most often first, of all looks at them."""
    of = sum(len(one.moments) for one in workers)
    return merged(
        [
            site
            for one, met in zip(workers, moments, strict=True)
            for site in group(met, Namer(one.process), one.process.pid, of, by_line=True)
        ]
    )


def _may_be(process: ProcessRecording) -> bool:
    """Whether it neither serves requests that show nor runs an event loop."""
    return bool(process.samples) and not process.routes and not any(use.loop is not None for use in process.threads)


def _is_busy(moments: Sequence[Moment]) -> bool:
    at_work = sum(once_each((one.stack for one in moments), _is_work))
    return Share(at_work, len(moments)).low >= ALL_THE_TIME


def _sleeps(moments: Sequence[Moment]) -> bool:
    return Share(len(_asleep(moments)), len(moments)).low > MOST


def _asleep(moments: Sequence[Moment]) -> list[Moment]:
    works = once_each((one.stack for one in moments), _is_work)
    return [one for one, is_work in zip(moments, works, strict=True) if is_work and one.look.call]


def _is_work(stack: Stack) -> bool:
    """Whether the user's code here was called by a library's, and is not what the process was made for."""
    own = since_fork(stack)
    mine = user_frame(own)
    if mine is None or not is_user(mine) or mine.function == "<module>":
        return False
    beneath = own[own.index(mine) :]
    caller = next((number for number, frame in enumerate(beneath) if not is_user(frame)), None)
    if caller is None or beneath[caller - 1].function == "<module>":
        return False
    return beneath[caller].function.rpartition(".")[2] not in STARTS
