"""Evidence about what an event loop does most: does it get anywhere?"""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.outcome import Culprit
from spindoctor.model.share import Share

MIN_PART = 0.75
"""Lower bound: what fills a loop leaves little room for anything else."""

MIN_WORKS = 0.5
"""Lower bound: who gets on is met at lines that work most of the time."""

MIN_HELD = 10
"""Looks at what it holds; fewer may have met it between two changes."""

MAX_SAME = 0.2
"""Of those; who gets on holds what it held before only by chance."""

NAPS_PER_S = 1000.0
"""Woken a thousand times a second, a loop waits less than a millisecond each time: that is no waiting. The same is a
thread that takes the CPU from the loop that wakes it for an answer: at the end of its slices, which last for
milliseconds, a thread loses it a few hundred times a second at most."""

MIN_ASKS = 0.75
"""Lower bound. Who asks, and looks at the answer, does nothing else."""

MAX_WORKS = 0.1
"""A few answers a second are worth some work, and looks may be torn."""

MIN_SAME = 0.4
"""Lower bound: five events a second change what a poller holds in four looks of ten."""

MAX_ANSWERED = 0.1
"""Where one wake-up of ten is for something that came in from outside, somebody sends it what it asks for."""

MAX_AWAKE_ARRIVALS_PER_S = 300.0
"""What comes in is not for who holds the same all the time; more of it takes a good part of a loop by itself."""


@dataclass(frozen=True, slots=True)
class Pursuit:
    """The function of the user's that a loop steps into most.

    `steps` is its part of the looks inside a callback that met any code of the user's. `asked`, `asks`, `works`, `ways`
    and `repeats` say what those looks showed, as of a `BusyThread`. `fails` is True where it fails again and
    again.
    `losses_per_s` are the times that another thread took the CPU from it.
    `arrivals_per_s` are segments with data that came in from outside (None: something may come that nobody counts).
    """

    pid: int
    tid: int
    culprit: Culprit
    steps: Share
    asked: tuple[str, ...]
    asks: Share
    works: Share
    ways: Share
    repeats: Share
    fails: bool
    sleeps_per_s: float
    arrivals_per_s: float | None = None
    losses_per_s: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether it has something else in hand in each look."""
        return self.repeats.of >= MIN_HELD and self.repeats.ratio <= MAX_SAME

    @property
    def gets_on(self) -> bool:
        """Whether what fills the loop works, and has something else in hand in each look."""
        return self.changes and self.steps.low >= MIN_PART and self.works.low >= MIN_WORKS

    @property
    def holds_the_same(self) -> bool:
        """Whether next to nothing changes in what it holds."""
        return self.repeats.low >= MIN_SAME

    @property
    def begins_anew(self) -> bool:
        """Whether it fills the loop with the same again and again although nothing at all comes in."""
        return self.holds_the_same and self.steps.low >= MIN_PART and self.arrivals_per_s == 0

    @property
    def breaks_per_s(self) -> float:
        """How often it had not got the CPU, of itself or because another thread took it."""
        return self.sleeps_per_s + self.losses_per_s

    @property
    def asks_in_vain(self) -> bool:
        """Whether it goes round with one question, sleeps for moments only, and nobody sends what it wakes for."""
        alone = self.arrivals_per_s is not None and self.arrivals_per_s <= MAX_ANSWERED * self.breaks_per_s
        return self._only_asks and alone and self.breaks_per_s >= NAPS_PER_S

    @property
    def asks_awake(self) -> bool:
        """Whether, on a loop that never sleeps, it goes round with one question, with the same in hand each time."""
        alone = self.arrivals_per_s is not None and self.arrivals_per_s <= MAX_AWAKE_ARRIVALS_PER_S
        return self._only_asks and alone and self.holds_the_same

    @property
    def _only_asks(self) -> bool:
        asks = self.asks.low >= MIN_ASKS and self.works.ratio <= MAX_WORKS and self.steps.low >= MIN_PART
        return asks and not self.fails
