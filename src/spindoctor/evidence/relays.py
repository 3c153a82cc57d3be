"""Functions whose tasks keep an event loop awake one after the other: requests that poll end, and others come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Rescheduler
from spindoctor.model.frames import Frame
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD, Task

MOST_TORN = 0.2
"""A task that is read while it runs can show what it waited for a moment before."""

MET_AGAIN = 3
"""Slow looks, a fifth of a second apart, that met a task about to step on: who gives way once is met so by chance."""

MIN_MEMBERS = 2
"""One task alone is told by itself."""

Seen = Sequence[tuple[int, Task]]
"""One task in the slow looks that met it, by their numbers."""

Place = tuple[int, str, str]
"""A loop, and a function of the user's by file and name."""


def relays(process: ProcessRecording) -> list[Rescheduler]:
    """Functions of which several tasks were met stepping on without waiting, each of them again and again."""
    groups: dict[Place, list[Seen]] = {}
    for seen in _tasks(process):
        frame = _steps_at(seen)
        if frame:
            groups.setdefault((seen[0][1].loop, frame.file, frame.function), []).append(seen)
    namer = Namer(process)
    return [_relay(process, namer, members) for members in groups.values() if len(members) >= MIN_MEMBERS]


def gives_way(states: Sequence[Task]) -> bool:
    """Whether the task merely gives way, or runs, whenever it is looked at; a state can be torn now and then."""
    waits = sum(one.waits_on not in {None, BARE_YIELD} for one in states)
    return any(one.waits_on == BARE_YIELD for one in states) and waits <= MOST_TORN * len(states)


def _tasks(process: ProcessRecording) -> Iterator[Seen]:
    """Every task that was pending, with its looks; the next one at the same address has another name."""
    found: dict[tuple[int, str], list[tuple[int, Task]]] = {}
    for number, look in enumerate(process.task_looks):
        for task in look.tasks:
            if not task.is_done:
                found.setdefault((task.address, task.name), []).append((number, task))
    yield from found.values()


def _steps_at(seen: Seen) -> Frame | None:
    """Where in the user's code a task steps on, if that is all it does and it was met at it again and again."""
    states = [task for _, task in seen]
    chains = Counter(one.chain for one in states if one.waits_on == BARE_YIELD and user_frame(one.chain))
    if chains.total() < MET_AGAIN or not gives_way(states):
        return None
    return user_frame(chains.most_common(1)[0][0])


def _relay(process: ProcessRecording, namer: Namer, members: Sequence[Seen]) -> Rescheduler:
    last = max((seen[-1] for seen in members), key=lambda one: one[0])[1]
    looks = {number for seen in members for number, task in seen if task.waits_on in {None, BARE_YIELD}}
    thread = next((one for one in process.threads if one.loop and one.loop == last.loop), None)
    chains = Counter(task.chain for seen in members for _, task in seen if user_frame(task.chain))
    culprit = namer.culprit(chains.most_common(1)[0][0], thread.tid if thread else None, last.address)
    return Rescheduler(
        pid=process.pid,
        tid=thread.tid if thread else process.pid,
        seen=Share(len(looks), len(process.task_looks)),
        name=f"{culprit.function} ({len(members)} tasks)",
        culprit=culprit,
        is_task=True,
        steps_at_once=True,
        members=len(members),
    )
