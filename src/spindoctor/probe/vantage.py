"""Where, and how urgently, our own thread runs while it looks.

On the CPU of the hot thread that thread cannot run while it is read, so its stack is neither torn nor biased towards
the moments at which it happens to pause. But on a machine that is short of CPU we would queue there behind it; then it
is better to run wherever there is room. A look takes well under a millisecond, so it may be urgent where allowed, and
it asks for short slices: who waits for the end of another's slice looks at the wrong moment.
"""

from __future__ import annotations

import contextlib
import os

from spindoctor.probe.slices import SHORTEST_NS, ask_for_slice

URGENCY = 5
"""Steps of niceness (setpriority(2)) above what we were started with; takes CAP_SYS_NICE."""

JUDGED_AFTER = 20
MOST_LATE = 0.25
"""When one look in four came too late, the CPU we share is too crowded."""

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
        self._is_crowded = False
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
            self._looks = self._late = 0
        if cpu is None or cpu not in self._cpus or self._is_crowded:
            self.roam()
            return
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {cpu})
            self.is_pinned = True

    def roam(self) -> None:
        """Run on any CPU that we may use."""
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
