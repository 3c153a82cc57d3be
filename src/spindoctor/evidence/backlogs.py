"""Where connections wait to be accepted, and what may keep the descriptors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Stack
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.spinning import Backlog, Holder, Queue

MOST_HOLDERS = 3
MIN_HOLDERS = 5
"""Fewer that stand at one place do not fill a table of descriptors."""


def backlog(recording: Recording) -> Backlog | Missing:
    """The listening sockets of all processes, and the places at which many tasks or threads stand."""
    looked = [one for one in recording.processes if one.descriptors]
    if not looked:
        said = [why for one in recording.processes for part, why in one.missing if part == "descriptors"]
        return Missing(next(iter(said), "the descriptors could not be read"))
    queues = [queue for one in looked for queue in _queues(one)]
    holders = [holder for one in looked for holder in _holders(one)]
    return Backlog(
        tuple(sorted(queues, key=lambda one: one.waiting, reverse=True)),
        tuple(sorted(holders, key=lambda one: one.count, reverse=True)[:MOST_HOLDERS]),
    )


def _queues(process: ProcessRecording) -> Iterable[Queue]:
    seen: dict[int, int] = {}
    for pulse in process.pulses:
        if pulse.state == "LISTEN":
            seen[pulse.inode] = max(seen.get(pulse.inode, 0), pulse.queued or 0)
    for one in process.descriptors:
        if one.socket and one.socket.state == "LISTEN":
            waiting = max(one.socket.receive_queue_bytes, seen.get(one.inode, 0))
            yield Queue(process.pid, one.fd, one.socket.local or f"{one.socket.protocol} socket {one.fd}", waiting)


def _holders(process: ProcessRecording) -> Iterable[Holder]:
    """Tasks of the last look by their innermost line of user code, and sleeping threads by theirs."""
    namer = Namer(process)
    tasks = process.task_looks[-1].tasks if process.task_looks else ()
    chains = [task.chain for task in tasks if not task.is_done]
    threads = process.samples[-1].threads if process.samples else ()
    stacks = [look.stack for look in threads if look.call]
    for group in (_by_place(chains), _by_place(stacks)):
        yield from (Holder(count, namer.culprit(stack)) for stack, count in group if count >= MIN_HOLDERS)


def _by_place(stacks: Iterable[Stack]) -> list[tuple[Stack, int]]:
    mine = [stack for stack in stacks if user_frame(stack)]
    counts = Counter(user_frame(stack) for stack in mine)
    example = {user_frame(stack): stack for stack in mine}
    return [(example[place], count) for place, count in counts.most_common(MOST_HOLDERS)]
