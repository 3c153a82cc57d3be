"""Where, and how urgently, our own thread runs while it looks.

On the CPU of the hot thread that thread cannot run while it is read, so its stack is neither torn nor biased towards
the moments at which it happens to pause. But on a machine that is short of CPU we would queue there behind it; then it
is better to run wherever there is room. A look takes well under a millisecond, so it may be urgent where allowed, and
it asks for short slices: who waits for the end of another's slice looks at the wrong moment.
"""

from __future__ import annotations

import contextlib
import os
import time

from spindoctor.probe.slices import SHORTEST_NS, ask_for_slice

URGENCY = 5
"""Steps of niceness (setpriority(2)) above what we were started with; takes CAP_SYS_NICE."""

A_MOMENT_S = 0.001
"""A thread that we push off its CPU at once may be taken over by the one that we have left: that must go idle first."""

APART_S = 0.05
"""Stacks that are never whole (of thousands of frames) are no reason to chase a thread: at most every fifth look is."""

JUDGED_AFTER = 20
MOST_LATE = 0.25
"""When one look in four came too late, the CPU we share is too crowded."""

STALL_S = 0.05
MOST_STALLS = 1
"""Who waits for a CPU as long as five looks take, and again, shares it with several that never rest: twenty looks
would be seconds there."""

GOLDEN = 0.6180339887498949
"""Its multiples fill a unit evenly, and two that follow each other are never near (Weyl's theorem)."""


def moment(number: int) -> float:
    """When a look is made, counted in steps: somewhere in its own step, so that none keeps time with the target.

    A service does much every 10 ms or every few; looks at a fixed beat would always meet the same part of it.
    """
    return number + number * GOLDEN % 1.0


class Vantage:
    """Moves the calling thread; `leave` puts everything back. `is_pinned` tells whether it ever shared the hot CPU."""

    def __init__(self) -> None:
        """Remember how the thread was; nothing is changed yet."""
        self._cpus = os.sched_getaffinity(0)
        self._niceness = os.getpriority(os.PRIO_PROCESS, 0)
        self._looks = 0
        self._late = 0
        self._again_s = 0.0
        self._stalls = 0
        self._is_crowded = False
        self._shared: int | None = None
        self.is_pinned = False

    def hurry(self) -> None:
        """Become more urgent, where that is allowed, and be there at once when it is time."""
        ask_for_slice(SHORTEST_NS)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self._niceness - URGENCY)

    def follow(self, cpu: int | None) -> None:
        """Share this CPU, where it is one of ours and not too crowded; else run anywhere."""
        if self._looks >= JUDGED_AFTER:
            self._is_crowded = self._is_crowded or self._late > MOST_LATE * self._looks
            self._looks = self._late = self._stalls = 0
        if cpu is None or cpu not in self._cpus or self._is_crowded:
            self.roam()
            return
        if cpu != self._shared:
            self._share(cpu)

    def _share(self, cpu: int) -> None:
        since_s = time.monotonic()
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
            self.is_pinned, self._shared = True, cpu
        self._note_wait(time.monotonic() - since_s)

    def sleep_until(self, at_s: float) -> None:
        """Sleep until it is that late by `time.monotonic`, if it is not; how late we wake tells of the CPU's crowd."""
        pause_s = at_s - time.monotonic()
        time.sleep(max(0.0, pause_s))
        if pause_s > 0:
            self._note_wait(time.monotonic() - at_s)

    def _note_wait(self, seconds: float) -> None:
        self._stalls += self._shared is not None and seconds >= STALL_S
        if self._stalls > MOST_STALLS:
            self._is_crowded = True
            self.roam()

    def approach(self, cpu: int | None) -> bool:
        """Share this CPU a moment later; False where that is impossible, was so already, or was tried just now."""
        if cpu is None or cpu == self._shared or time.monotonic() < self._again_s:
            return False
        self.follow(cpu)
        if self._shared != cpu or self._is_crowded:
            return False
        self._again_s = time.monotonic() + APART_S
        time.sleep(A_MOMENT_S)
        return True

    def roam(self) -> None:
        """Run on any CPU that we may use."""
        if self._shared is None:
            return
        self._shared = None
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, self._cpus)

    def note(self, looks: int, late: int) -> None:
        """Count looks, and those among them that came too late."""
        self._looks += looks
        self._late += late

    def leave(self) -> None:
        """Put the thread back as it was."""
        self.roam()
        ask_for_slice(0)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self._niceness)
