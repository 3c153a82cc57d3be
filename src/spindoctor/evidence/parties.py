"""Where those who wait stand, and how a sentence names them."""

from __future__ import annotations

from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Stack
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.tasks import TaskLook


def stack_of(process: ProcessRecording, party: Party, last: TaskLook) -> Stack:
    """Where a party stands: the thread's stack at the last look, or the task's await chain."""
    if party.task:
        return next((task.chain for task in last.tasks if task.address == party.task), ())
    samples = process.samples[-1:]
    return next((look.stack for one in samples for look in one.threads if look.tid == party.tid), ())


def culprit_of(process: ProcessRecording, party: Party, last: TaskLook, namer: Namer) -> Culprit:
    """Where a party stands, as a culprit."""
    return namer.culprit(stack_of(process, party, last), party.tid, party.task)


def name_of(party: Party, namer: Namer) -> str:
    """A party's name for a sentence."""
    if party.task:
        known = namer.tasks.get(party.task)
        return f"task {known.name}" if known else "a task"
    return f"thread {namer.threads.get(party.tid or 0, party.tid)}"
