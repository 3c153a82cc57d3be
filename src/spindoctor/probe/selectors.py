"""Follows the selectors of the threads that burn CPU: what they are asked for, and what becomes of what they tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.watching import PollLook, Registration
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.polls import PollReader
from spindoctor.probe.pulses import PulseWatch

MOST_OWN_SHARE = 0.05
"""A call takes 0.1 to 0.3 ms to read."""

APART_S = 0.015
"""At a hundred looks a second about every second one reads a call: of 817 recordings with half of theirs left out none
is judged otherwise."""

ENOUGH_ANSWERS = 20
"""A thread that gives its selector time, burns CPU all the same and has shown fewer answers is read at every look: it
is met mostly within the call, before there is an answer. Of 11 half as often made looks at such a spin two saw only
seven answers, which convinces nobody."""

MOST_LOOKS = 4000


class SelectorWatch:
    """Follows the threads of one process. `looks` are what has been read so far."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._polls = PollReader(interpreter)
        self._pulses = PulseWatch(interpreter.pid)
        self._registrations: dict[tuple[int, int], Registration] = {}
        self._answers: Counter[int] = Counter()
        self._next_s = 0.0
        self.looks: list[PollLook] = []

    def follow(self, at_s: float, stacks: Mapping[int, Sequence[RawFrame]]) -> None:
        """Read the selector calls of these threads, which run, when our time allows."""
        if at_s < self._next_s or len(self.looks) >= MOST_LOOKS:
            return
        before_s = time.thread_time()
        polls = [self._look(at_s, tid, frames) for tid, frames in stacks.items()]
        if stacks:
            pause_s = 0.0 if any(polls) else APART_S
            self._next_s = at_s + max(pause_s, (time.thread_time() - before_s) / MOST_OWN_SHARE)

    def _look(self, at_s: float, tid: int, frames: Sequence[RawFrame]) -> bool:
        """Look at one thread; whether more of its answers are wanted soon."""
        poll = self._polls.read(tid, frames)
        self.looks.append(PollLook(at_s, tid, tuple([raw.frame for raw in frames]), poll))
        self._pulses.note(tid, poll)
        for fd in self._pulses.follow(at_s, tid):
            found = None if (tid, fd) in self._registrations else self._polls.registration(tid, fd)
            if found:
                self._registrations[tid, fd] = found
        self._answers[tid] += bool(poll and poll.events)
        return bool(poll and poll.timeout_s and self._answers[tid] < ENOUGH_ANSWERS)

    def finish(self, seen: ProcessRecording) -> ProcessRecording:
        """The recording with all that was seen here."""
        found = tuple(self._registrations.values())
        return replace(seen, polls=tuple(self.looks), pulses=self._pulses.finish(), registrations=found)

    def close(self) -> None:
        """Close what is kept open."""
        self._pulses.close()
