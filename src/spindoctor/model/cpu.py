"""Evidence about who used how much CPU, and who waited for the GIL meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.facts import Site
from spindoctor.model.share import NO_LOOKS, Share


def cores_without_gil(cores: float, has_gil: Share) -> float:
    """CPU that a thread can only have used without the GIL: more than the part of the time in which it can have had it.

    Its looks on the CPU are no measure: a thread that queues for a CPU on its way to the GIL looks the same.
    """
    return max(0.0, cores - has_gil.high)


@dataclass(frozen=True, slots=True)
class ThreadCpu:
    """One thread's CPU over the look, with the line of user code that it was seen at most while it ran.

    `sleeps_per_s` and `queue_wait_share` are None where they are not known (threads that ended within the look).
    `has_gil` are the looks in which it had the GIL (no looks: nothing is known of that).
    """

    pid: int
    tid: int
    name: str
    cores: float
    system_share: float
    sleeps_per_s: float | None
    queue_wait_share: float | None
    is_loop: bool
    site: Site | None = None
    has_gil: Share = NO_LOOKS

    @property
    def native_cores(self) -> float:
        """CPU that it used in native code that had given up the GIL, at least."""
        return cores_without_gil(self.cores, self.has_gil)


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

    `has_gil` are the looks in which it had the GIL (no looks: nothing is known of that).
    """

    pid: int
    tid: int
    name: str
    waits: Share
    cores: float
    is_loop: bool
    site: Site | None = None
    has_gil: Share = NO_LOOKS

    @property
    def gil_cores(self) -> float:
        """CPU that it used with the GIL in its hand, at most."""
        return self.cores - cores_without_gil(self.cores, self.has_gil)


@dataclass(frozen=True, slots=True)
class Gil:
    """The GIL of one process.

    `waiters` is how many threads waited for it on average in a look; `switches_per_s` its changes of hand; `held` are
    the looks in which a thread had it (no looks: nothing is known of that).
    """

    pid: int
    looks: int
    switches_per_s: float
    contended: Share
    waiters: float
    threads: tuple[GilThread, ...]
    held: Share = NO_LOOKS


@dataclass(frozen=True, slots=True)
class GilUse:
    """The GILs of the family."""

    processes: tuple[Gil, ...]
    looks: int

    @property
    def most(self) -> int:
        """The looks at the GIL that was met most often."""
        return max((one.looks for one in self.processes), default=0)
