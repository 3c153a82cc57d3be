"""Evidence about who used how much CPU, and who waited for the GIL meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.facts import Site
from spindoctor.model.share import NO_LOOKS, Share

KEEPS_GIL = 0.5
"""Who runs Python code has the GIL in all looks but those on the way to it and back; native code that has given it up
has it on the way alone."""


def share_with_gil(keeps: Share) -> float:
    """The part of a thread's CPU that it used with the GIL, from its looks on the CPU; 1 unless known to be less."""
    return 1.0 if keeps.high >= KEEPS_GIL else keeps.ratio


@dataclass(frozen=True, slots=True)
class ThreadCpu:
    """One thread's CPU over the look, with the line of user code that it was seen at most while it ran.

    `keeps_gil` are its looks on the CPU in which it had the GIL.
    """

    pid: int
    tid: int
    name: str
    cores: float
    system_share: float
    sleeps_per_s: float
    queue_wait_share: float
    is_loop: bool
    site: Site | None = None
    keeps_gil: Share = NO_LOOKS

    @property
    def native_cores(self) -> float:
        """CPU that it used in native code that had given up the GIL."""
        return self.cores * (1 - share_with_gil(self.keeps_gil))


@dataclass(frozen=True, slots=True)
class ProcessCpu:
    """One process's CPU over the look, in cores."""

    pid: int
    cores: float
    threads: int
    role: str


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Who burned how much, in cores; busiest first."""

    seconds: float
    cores_of_machine: int
    allowed_cores: float
    processes: tuple[ProcessCpu, ...]
    threads: tuple[ThreadCpu, ...]
    machine_busy_cores: float | None = None
    steal_cores: float | None = None
    throttled_s: float | None = None

    @property
    def cores(self) -> float:
        """The whole family's CPU."""
        return sum(one.cores for one in self.processes)


@dataclass(frozen=True, slots=True)
class GilThread:
    """One thread's part in the struggle for the GIL, counted in looks. `site` is where it ran most.

    `keeps` are the looks on the CPU in which it had the GIL (no looks: nothing is known of that).
    """

    pid: int
    tid: int
    name: str
    waits: Share
    cores: float
    is_loop: bool
    site: Site | None = None
    keeps: Share = NO_LOOKS

    @property
    def gil_cores(self) -> float:
        """CPU that it used with the GIL in its hand."""
        return self.cores * share_with_gil(self.keeps)


@dataclass(frozen=True, slots=True)
class Gil:
    """The GIL of one process.

    `waiters` is how many threads waited for it on average in a look; `switches_per_s` its changes of hand.
    """

    pid: int
    looks: int
    switches_per_s: float
    contended: Share
    waiters: float
    threads: tuple[GilThread, ...]


@dataclass(frozen=True, slots=True)
class GilUse:
    """The GILs of the family."""

    processes: tuple[Gil, ...]
    looks: int
