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
from spindoctor.probe.polls import PollReader, places
from spindoctor.probe.pulses import PulseWatch

MOST_OWN_SHARE = 0.05
"""A call takes 0.1 to 0.3 ms to read."""

APART_S = 0.015
"""At a hundred looks a second about every second one reads a call: of 817 recordings with half of theirs left out none
is judged otherwise."""

MOST_LOOKS = 4000

ENOUGH_ANSWERS = 20
"""Of a descriptor that stays ready all of these have it; one among ten that is torn, and no rule can be sure."""

MOST_CLOSER = 100
"""From its own CPU a thread shows an answer at every fourth look; some never have one to show."""


class SelectorWatch:
    """Follows the threads of one process. `looks` are what has been read so far."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._polls = PollReader(interpreter)
        self._pulses = PulseWatch(interpreter.pid)
        self._registrations: dict[tuple[int, int], Registration] = {}
        self._next_s = 0.0
        self._answers: Counter[int] = Counter()
        self._closer: Counter[int] = Counter()
        self.looks: list[PollLook] = []

    def follow(self, at_s: float, stacks: Mapping[int, Sequence[RawFrame]]) -> None:
        """Read the selector calls of these threads, which run, when our time allows."""
        if at_s < self._next_s or len(self.looks) >= MOST_LOOKS:
            return
        before_s = time.thread_time()
        for tid, frames in stacks.items():
            self._look(at_s, tid, frames)
        if stacks:
            self._next_s = at_s + max(APART_S, (time.thread_time() - before_s) / MOST_OWN_SHARE)

    def unclear(self, at_s: float, stacks: Mapping[int, Sequence[RawFrame]]) -> int | None:
        """A thread within a selector's call that is to be read now and has shown few answers; None where there is none.

        An answer is a list for some microseconds: of a thread that runs on meanwhile it is missed, or read half.
        """
        if at_s < self._next_s:
            return None
        for tid, frames in stacks.items():
            is_open = self._answers[tid] < ENOUGH_ANSWERS and self._closer[tid] < MOST_CLOSER
            if is_open and places(frames)[0] is not None:
                self._closer[tid] += 1
                return tid
        return None

    def _look(self, at_s: float, tid: int, frames: Sequence[RawFrame]) -> None:
        poll = self._polls.read(tid, frames)
        self.looks.append(PollLook(at_s, tid, tuple([raw.frame for raw in frames]), poll))
        self._answers[tid] += bool(poll and poll.events)
        self._pulses.note(tid, poll)
        for fd in self._pulses.follow(at_s, tid):
            found = None if (tid, fd) in self._registrations else self._polls.registration(tid, fd)
            if found:
                self._registrations[tid, fd] = found

    def finish(self, seen: ProcessRecording) -> ProcessRecording:
        """The recording with all that was seen here."""
        found = tuple(self._registrations.values())
        return replace(seen, polls=tuple(self.looks), pulses=self._pulses.finish(), registrations=found)

    def close(self) -> None:
        """Close what is kept open."""
        self._pulses.close()
