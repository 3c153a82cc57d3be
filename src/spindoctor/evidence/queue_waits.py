"""How long threads stood in a run queue, as far as looks bear it out.

The kernel's count may be of another time: on Linux 6.18 a look of 3.0 s saw schedstat's `run_delay` of a thread grow by
3.99 s, while each of 290 looks found it asleep in poll(2).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.share import Share


def plausible(recording: Recording) -> Recording:
    """The recording with no thread in a run queue for longer than looks found it awake, by the upper bound."""
    return replace(recording, processes=tuple(_of_process(one, recording.seconds) for one in recording.processes))


def _of_process(process: ProcessRecording, seconds: float) -> ProcessRecording:
    looks = [look for sample in process.samples for look in sample.threads]
    seen, awake = Counter(look.tid for look in looks), Counter(look.tid for look in looks if look.call is None)
    threads = tuple(_bound(one, awake[one.tid], seen[one.tid], seconds) for one in process.threads)
    return replace(process, threads=threads)


def _bound(use: ThreadUse, awake: int, seen: int, seconds: float) -> ThreadUse:
    most_s = Share(awake, seen).high * seconds
    return replace(use, queue_wait_s=most_s) if use.queue_wait_s and use.queue_wait_s > most_s else use
