"""Storms in bursts: a loop that spins for tenths of a second on end, sleeps, and spins again."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.empty_turns import MAX_HELD, MIN_OTHER_TURNING, is_quiet
from spindoctor.model.facts import Loop, Rescheduler, Reschedulers
from spindoctor.model.outcome import Figure
from spindoctor.model.pursuits import MAX_AWAKE_ARRIVALS_PER_S, MAX_SAME, Pursuit
from spindoctor.model.share import Share
from spindoctor.model.traced import traced_figures

MIN_CORES = 0.3
"""Who spins for a third of the time wants a third of a core."""

MIN_USED_CORES = 0.1
"""Of the CPU that it waits for it must get so much: a loop that merely queues for it burns nothing."""

MIN_STRETCH_S = 0.02
"""CPU from one sleep to the next: an empty turn takes twenty microseconds, so these are a thousand. A loop that waits
for something else between its steps sleeps after each."""

MIN_PART = 0.5
"""Lower bound: who keeps a loop awake alone is met in most looks that find it awake."""

MAX_SYSTEM_SHARE = 0.15
"""Honest network work spends a fifth and more of its time in system calls; an empty turn about a twentieth."""

MIN_HELD = 3
"""Looks at what it holds: two of two hold the same now and then by chance."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One that steps again and again while its loop is awake, and what shows whether its steps get anywhere."""

    loop: Loop
    who: Rescheduler
    pursuit: Pursuit

    @property
    def stretch_s(self) -> float:
        """CPU that the loop uses between two sleeps, in seconds on average; none is known where nobody counted them."""
        if self.loop.sleeps_per_s is None:
            return 0.0
        return self.loop.cpu_s / max(1.0, self.loop.sleeps_per_s * self.loop.seconds)

    @property
    def turning(self) -> Share:
        """Of the looks that found the loop awake, those at its own work."""
        return Share(self.loop.spinning.count, self.loop.looks - self.loop.idle.count)

    @property
    def is_empty(self) -> bool:
        """Whether it is awake for long, mostly at the loop's own work, and hardly ever in a system call."""
        loop = self.loop
        burns = loop.wanted_cores >= MIN_CORES and loop.cores >= MIN_USED_CORES and self.stretch_s >= MIN_STRETCH_S
        moves = loop.held.ratio < MAX_HELD and self.turning.low >= MIN_OTHER_TURNING
        alone = min(self.who.seen.low, self.who.running.low, self.pursuit.steps.low) >= MIN_PART
        return burns and moves and alone and loop.system_s < MAX_SYSTEM_SHARE * loop.cpu_s

    @property
    def gets_on(self) -> bool:
        """Whether it has something else in hand in each look, as a batch that gives way after each piece has."""
        return self.pursuit.repeats.of >= MIN_HELD and self.pursuit.repeats.ratio <= MAX_SAME

    @property
    def is_certain(self) -> bool:
        """Whether it holds the same all the time, and next to nothing comes in.

        Connections are counted for all that share the network: many of them may be those of others.
        """
        return self.pursuit.holds_the_same and is_quiet(self.pursuit.arrivals_per_s, MAX_AWAKE_ARRIVALS_PER_S)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What it rests on."""
        loop = self.loop
        return (
            Figure("stretch", "CPU between two sleeps of the loop", round(self.stretch_s, 3), "s", "/proc/PID/status"),
            Figure("turning", "looks at the loop awake, at its own work", str(self.turning), "", "stacks"),
            Figure("running", f"looks inside a callback inside {self.who.name}", str(self.who.running), "", "stacks"),
            Figure("repeats", "looks in which it held what it held before", str(self.pursuit.repeats), "", "locals"),
            Figure("loop_idle", "looks with the loop asleep in its selector", str(loop.idle), "", "stacks"),
            Figure("loop_cores", f"CPU of {loop.thread}", round(loop.cores, 2), "cores", "/proc/PID/task/TID/stat"),
            *traced_figures(loop.traced),
        )


def bursts(loop: Loop, reschedulers: Reschedulers) -> list[Burst]:
    """Who steps for nothing in bursts on a loop that sleeps between them, as far as can be told."""
    pursuit = reschedulers.pursuit_of(loop)
    found = [Burst(loop, one, pursuit) for one in reschedulers.entries_of(loop) if pursuit and not one.members]
    return [one for one in found if one.is_empty and not one.gets_on]
