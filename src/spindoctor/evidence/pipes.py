"""Children that are stuck in a pipe of ours while we wait for them: each waits for the other, across two processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.evidence.parties import culprit_of, name_of
from spindoctor.evidence.sites import Namer
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.pipes import ChildWait, PipeLook, PipeWait
from spindoctor.model.recording import Recording
from spindoctor.model.share import Share
from spindoctor.model.waiting import Standoff, Waiter


def pipe_standoffs(recording: Recording) -> list[Standoff]:
    """Each thread or task that waits for a child which waits, at the last look, in a pipe that nobody serves."""
    if not recording.pipe_looks:
        return []
    last = recording.pipe_looks[-1]
    own = [standoff for stuck in last.pipes if (standoff := _own_end(recording, stuck))]
    pairs = [(wait, stuck) for stuck in last.pipes for wait in _waits_for(stuck, last)]
    return [*own, *(one for wait, stuck in pairs if (one := _standoff(recording, wait, stuck)))]


def _own_end(recording: Recording, stuck: PipeWait) -> Standoff | None:
    """A thread that reads a pipe to its end, while its own process keeps the other end open and nobody uses it."""
    process = recording.process(stuck.pid)
    if stuck.tid is None or stuck.attended or process is None or not process.task_looks:
        return None
    looks = recording.pipe_looks
    since = next((n + 1 for n in range(len(looks) - 1, -1, -1) if stuck not in looks[n].pipes), 0)
    party, namer = Party(tid=stuck.tid), Namer(process)
    culprit = culprit_of(process, party, process.task_looks[-1], namer)
    what = f"more, or the end, of a pipe (its descriptor {stuck.fd}) that only this process itself could write or close"
    return Standoff(
        pid=stuck.pid,
        kind="own pipe",
        members=(Waiter(name_of(party, namer), culprit, what),),
        seen=Share(sum(stuck in look.pipes for look in looks), len(looks)),
        lasted_s=looks[-1].at_s - looks[since].at_s,
        holds_loop=any(use.loop and use.tid == stuck.tid for use in process.threads),
    )


def _waits_for(stuck: PipeWait, look: PipeLook) -> Iterator[ChildWait]:
    """Who in the service waits for this child, and is among those that alone could let it go on."""
    inside = {*stuck.ancestors, *stuck.seen, stuck.pid, *(one.pid for one in look.pipes)}
    if stuck.tid or stuck.attended or not set(stuck.others) <= inside:
        return
    for wait in look.children:
        is_above = wait.pid in stuck.ancestors and wait.pid in stuck.others
        below = stuck.ancestors[: stuck.ancestors.index(wait.pid)] if is_above else ()
        if is_above and _is_for(wait, stuck, below):
            yield wait


def _is_for(wait: ChildWait, stuck: PipeWait, below: Sequence[int]) -> bool:
    """A wait for the child itself, for one between, or for one that waits for a lock which the child has.

    Who waits to read from a child that reads is its idle partner.
    """
    if wait.by == "end":
        return wait.child is None or wait.child in {stuck.pid, *below, *stuck.behind}
    return stuck.writes and wait.child == stuck.pid


def _standoff(recording: Recording, wait: ChildWait, stuck: PipeWait) -> Standoff | None:
    process = recording.process(wait.pid)
    if process is None or not process.task_looks:
        return None
    looks = recording.pipe_looks
    same = [look for look in looks if wait in look.children and stuck in look.pipes]
    namer, last = Namer(process), process.task_looks[-1]
    culprit = culprit_of(process, wait.waiter, last, namer)
    loop_threads = {use.tid for use in process.threads if use.loop}
    child = f"child {stuck.pid} ({stuck.name})"
    return Standoff(
        pid=wait.pid,
        kind="pipe",
        members=(
            Waiter(name_of(wait.waiter, namer), culprit, _what(wait, child, stuck)),
            Waiter(child, Culprit(pid=stuck.pid), _what_child(stuck)),
        ),
        seen=Share(len(same), len(looks)),
        lasted_s=_lasted(looks, wait, stuck),
        holds_loop=wait.waiter.tid in loop_threads,
        has_limit=wait.has_limit,
        has_tasks=wait.waiter.task is not None,
    )


def _lasted(looks: Sequence[PipeLook], wait: ChildWait, stuck: PipeWait) -> float:
    since = looks[-1].at_s
    for look in reversed(looks):
        if wait not in look.children or stuck not in look.pipes:
            break
        since = look.at_s
    return looks[-1].at_s - since


def _what(wait: ChildWait, child: str, stuck: PipeWait) -> str:
    if wait.by == "end" and wait.child in stuck.behind:
        return f"the end of its child {wait.child}, which waits for a lock that {child} has"
    if wait.by == "end":
        return f"the end of its {child}"
    return f"its {child} to {'read' if wait.by == 'write' else 'write'}, in a pipe"


def _what_child(stuck: PipeWait) -> str:
    others = ", ".join(str(pid) for pid in stuck.others)
    if stuck.writes:
        return (
            f"room in a full pipe (its descriptor {stuck.fd}) that only pid {others} could read, and nobody there does"
        )
    return f"input from a pipe (its descriptor {stuck.fd}) that only pid {others} could write or close"
