"""What was seen of a process until it was stopped: looks made since then show it asleep, which it was not."""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model import endings
from spindoctor.model.recording import ProcessRecording
from spindoctor.probe.cgroups import is_frozen
from spindoctor.probe.identity import is_stopped


def halt(pid: int) -> str | None:
    """What keeps a process from running at all, in words; None where nothing does."""
    if is_stopped(pid):
        return endings.stopped(pid)
    return endings.frozen(pid) if is_frozen(pid) else None


def until_stop(seen: ProcessRecording) -> ProcessRecording:
    """The same with the looks up to the last one before which a thread had run; of others nothing is left out.

    One in which none had run at all was stopped all the time, or had nothing to do.
    """
    if not (seen.ended and endings.tells_stop(seen.ended)):
        return seen
    ran = [sample.at_s for sample in seen.samples if any(look.ran_ns for look in sample.threads)]
    if not ran:
        return seen
    samples = tuple(sample for sample in seen.samples if sample.at_s <= ran[-1])
    slow = tuple(look for look in seen.task_looks if look.at_s <= ran[-1])
    return replace(seen, samples=samples, task_looks=slow or seen.task_looks[:1])
