"""Which threads have run since the last look, asked of as few as can be.

A thread that sleeps costs nothing until it wakes. To run Python code it must take the GIL, and `gil.switch_number`
grows whenever another thread than before takes it: so as long as that number stands still, only threads that are awake
are asked, and the one that had the GIL last: it can sleep, wake, and take it again. When it has
grown, and ten times a second for threads that run without the GIL, all are.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from spindoctor.probe.threads import ThreadClock

SWEEP_S = 0.1
"""A thread that wakes without taking the GIL (it computes in C) is noticed within this time."""

MOST_SWEEP_SHARE = 0.02
"""Asking all threads may take this part of our time: with up to fifty threads it may be done at every look at 100/s."""

AWAKE_LOOKS = 30
"""A thread that has not run for so many looks (0.3 s at 100/s) is taken to be asleep."""

FIRST_LOOKS = 5
"""Of those that are there at the beginning it is not known whether they run: a scheduler's tick takes up to 10 ms."""


class Runners:
    """Follows the threads of one process. `moves` grows whenever a thread has run.

    `ended` are the threads that have, since the last look that succeeded.
    """

    def __init__(self, pid: int) -> None:
        """Start on a process.

        Raises:
            Gone: the process does not exist.
        """
        self._clock = ThreadClock(pid)
        self._clocks: dict[int, tuple[int, int]] = {}
        self._awake: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._switches = -1
        self._is_switching = False
        self._has_swept = False
        self._due_s = 0.0
        self._allowed_s = 0.0
        self.moves = 0
        self.ended: frozenset[int] = frozenset()
        self.always: frozenset[int] = frozenset()
        """Threads that are asked at every look: those that run event loops, and the one that had the GIL last."""

    def look(self, at_s: float) -> dict[int, int]:
        """The threads that have run since the last look, with nanoseconds of CPU (0 for one that is new to us).

        Raises:
            Gone: the process has ended.
        """
        self._has_swept = at_s >= self._due_s or (self._is_switching and at_s >= self._allowed_s)
        self._owe(self._sweep(at_s) if self._has_swept else self._ask_awake())
        return dict(self._owed)

    def look_further(self, at_s: float, switches: int) -> dict[int, int]:
        """Those that `look` did not ask, where the GIL's number of switches says that one of them can have run."""
        self._is_switching = switches != self._switches
        self._switches = switches
        if not self._is_switching or self._has_swept or at_s < self._allowed_s:
            return {}
        return {tid: self._owed[tid] for tid in self._owe(self._sweep(at_s))}

    def adopt(self, tids: Iterable[int]) -> None:
        """Follow threads that others have found: one that begins and ends between two sweeps is seen by no sweep."""
        for tid in tids:
            self._clocks.setdefault(tid, (0, 0))

    @property
    def is_coarse(self) -> bool:
        """Whether the kernel tells no exact clocks: `ThreadClock.is_coarse`."""
        return self._clock.is_coarse

    def hand_over(self) -> dict[int, tuple[int, int, int, int]]:
        """What is known of each thread: its clock, for how many looks it has not run, what it ran in looks that failed.

        The first are nanoseconds and slices; the others are -1 for a thread that is asleep, and that owes nothing.
        """
        known = self._clocks.items()
        return {tid: (*clock, self._awake.get(tid, -1), self._owed.get(tid, -1)) for tid, clock in known}

    def when(self) -> tuple[int, bool, float, float, int]:
        """The GIL's switches, whether they grew in the last look, when all are asked, when they may be, and moves."""
        return max(0, self._switches), self._is_switching, self._due_s, self._allowed_s, self.moves

    def take_over(  # noqa: PLR0913, PLR0917 - what `hand_over` and `when` give
        self,
        told: Mapping[int, tuple[int, int, int, int]],
        switches: int,
        is_switching: bool,  # noqa: FBT001
        due_s: float,
        allowed_s: float,
        moves: int,
    ) -> None:
        """Go on with what another has found meanwhile."""
        self._clocks = {tid: (ran_ns, slices) for tid, (ran_ns, slices, _, _) in told.items()}
        self._awake = {tid: looks for tid, (_, _, looks, _) in told.items() if looks >= 0}
        self._owed = {tid: owed for tid, (_, _, _, owed) in told.items() if owed >= 0}
        self._switches, self._is_switching, self._due_s, self._allowed_s = switches, is_switching, due_s, allowed_s
        self.moves = max(self.moves, moves)

    def settle(self) -> None:
        """The look succeeded. Until then its threads are named again: after a failed look nothing may be forgotten."""
        self._owed.clear()
        self.ended = frozenset()

    def _owe(self, ran: dict[int, int]) -> dict[int, int]:
        for tid, ran_ns in ran.items():
            self._owed[tid] = self._owed.get(tid, 0) + ran_ns
        return ran

    def _ask_awake(self) -> dict[int, int]:
        ran = self._moved(self._clock.look_at(self.always.union(self._awake)))
        self._awake = {tid: looks + 1 for tid, looks in self._awake.items() if looks < AWAKE_LOOKS}
        self._awake |= dict.fromkeys(ran, 0)
        return ran

    def _sweep(self, at_s: float) -> dict[int, int]:
        began_s = time.thread_time()
        looks = 0 if self._clocks else AWAKE_LOOKS - FIRST_LOOKS + 1
        clocks = self._clock.look()
        gone = self._clocks.keys() - clocks.keys()
        self.ended = (self.ended | gone) - clocks.keys()
        for tid in gone:
            del self._clocks[tid]
            self._owed.pop(tid, None)
        ran = self._moved(clocks)
        self._awake = {tid: looks + 1 for tid, looks in self._awake.items() if looks < AWAKE_LOOKS and tid in clocks}
        self._awake |= dict.fromkeys(ran, looks)
        self._allowed_s = at_s + (time.thread_time() - began_s) / MOST_SWEEP_SHARE
        self._due_s = max(at_s + SWEEP_S, self._allowed_s)
        return ran

    def _moved(self, clocks: dict[int, tuple[int, int]]) -> dict[int, int]:
        known = self._clocks
        ran = {tid: clock[0] - known.get(tid, clock)[0] for tid, clock in clocks.items() if known.get(tid) != clock}
        known.update(clocks)
        self.moves += bool(ran)
        return {tid: max(0, ran_ns) for tid, ran_ns in ran.items()}

    def close(self) -> None:
        """Close what is kept open."""
        self._clock.close()
