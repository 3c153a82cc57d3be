"""Pools of worker processes that show by who cannot hand work to them.

Such a pool lets in as much work as it has members: a thread of the process that made them asks a semaphore, in the code
of the very library whose loop the members run. While it waits there no permit is left, and more work is there to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.evidence.employed import Worker, never_free, places
from spindoctor.evidence.members import call_s, computes
from spindoctor.evidence.origin import since_fork, user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import PoolUse
from spindoctor.model.frames import Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool

KIND = "job pool"
THREADS_FILE = "/threading.py"
ASKS = "acquire"
"""A method of a semaphore in Lib/threading.py; locks, and what waits for a result, have none in Python."""


def handed_out(recording: Recording) -> list[PoolUse]:
    """The pool of the worker processes that are never free, where its owner cannot hand in more."""
    workers = never_free(recording)
    files = {frame.file for one in workers for look in one.moments for frame in since_fork(look.stack)}
    library = {file for file in files if not file.endswith(THREADS_FILE)}
    parents = {recording.target.process(one.process.pid) for one in workers}
    pids = {one.parent_pid for one in parents if one}
    owners = [one for one in recording.processes if one.pid in pids]
    if not workers or len(owners) != 1:
        return []
    return list(_uses(owners[0], workers, library))


def _uses(owner: ProcessRecording, workers: Sequence[Worker], library: set[str]) -> Iterator[PoolUse]:
    asking = [[look for look in sample.threads if _cannot_hand_in(look, library)] for sample in owner.samples]
    met = [one for one in asking if one]
    if not met:
        return
    queued, stack, size = max(map(len, met)), met[-1][0].stack, len(workers)
    moments = [moment for one in workers for moment in one.moments]
    holders = places(workers, [one.moments for one in workers])
    yield PoolUse(
        pid=owner.pid,
        pool=Pool(0, KIND, _name(stack), size, size, queued, tuple(one.process.pid for one in workers)),
        full=Share(len(met), len(asking)),
        queued_most=queued,
        holders=holders,
        waiters=(Namer(owner).culprit(stack, met[-1][0].tid),),
        holders_computing=Share(sum(map(computes, moments)), len(moments)),
        held_s=max((one.longest_s for one in holders), default=0.0),
        is_batch=any(user_frame(one.stack) is not None for looks in met for one in looks),
        call_s=call_s(moments),
    )


def _cannot_hand_in(look: ThreadLook, library: set[str]) -> bool:
    """Whether a thread waits for a semaphore that code of this library asked."""
    if look.call is None or look.call.name != "futex":
        return False
    caller = _asker(look.stack)
    return bool(caller) and caller[0].file in library and not is_user(caller[0])


def _asker(stack: Stack) -> Stack:
    """What called the semaphore's method, and all below; empty where this is no such wait."""
    inner = next((depth for depth, frame in enumerate(stack) if not frame.file.endswith(THREADS_FILE)), 0)
    is_asked = inner > 0 and stack[inner - 1].function.rpartition(".")[2] == ASKS
    return stack[inner:] if is_asked else ()


def _name(stack: Stack) -> str:
    """The name of the class whose method asks; empty before 3.11, where frames do not tell it."""
    return ".".join(_asker(stack)[0].function.split(".")[-2:-1])
