"""The host at a glance: Python services by the CPU they use."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.process import Machine

PEGGED_CORES = 0.9
"""A thread that uses this much of one core has no room left; 1.0 is never reached, neighbours take a little."""


@dataclass(frozen=True, slots=True)
class ThreadLoad:
    """One thread of a busy process: cores over the interval, CPU seconds and age since its start."""

    tid: int
    name: str
    cores: float
    cpu_s: float
    age_s: float

    @property
    def is_pegged(self) -> bool:
        """Whether it uses up the one core that a thread can use."""
        return self.cores >= PEGGED_CORES

    @property
    def pegged_for_s(self) -> float | None:
        """How long it has been so: its whole life, if that was spent on a CPU; None where it cannot be known.

        It cannot have been longer than `cpu_s`.
        """
        whole_life = self.age_s > 0 and self.cpu_s / self.age_s >= PEGGED_CORES
        return self.age_s if self.is_pegged and whole_life else None


@dataclass(frozen=True, slots=True)
class ProcessLoad:
    """One process: cores over the interval, CPU seconds and age since its start.

    `threads` are those that used CPU, busiest first; empty for a process that used none. `is_readable` is False where
    the kernel shows us no more than its counters and command line.
    """

    pid: int
    role: str
    command: tuple[str, ...]
    user: str
    cores: float
    cpu_s: float
    age_s: float
    rss_bytes: int
    thread_count: int
    threads: tuple[ThreadLoad, ...] = ()
    is_readable: bool = True

    @property
    def pegged(self) -> tuple[ThreadLoad, ...]:
        """The threads that use up a core."""
        return tuple(one for one in self.threads if one.is_pegged)


@dataclass(frozen=True, slots=True)
class ServiceUse:
    """One service: a process family. `processes` has the leader first.

    `quota_cores` is what its cgroup may use (None: no quota or not visible), `machine_cores` what there is.
    """

    leader: int
    name: str
    made_by: str
    processes: tuple[ProcessLoad, ...]
    machine_cores: int
    quota_cores: float | None = None
    ports: tuple[int, ...] = ()

    @property
    def cores(self) -> float:
        """Cores used, all processes together: 1.0 is one whole core."""
        return sum(one.cores for one in self.processes)

    @property
    def cpu_s(self) -> float:
        """CPU seconds used since their start by the processes that live now."""
        return sum(one.cpu_s for one in self.processes)

    @property
    def age_s(self) -> float:
        """How long the leader has been running."""
        return next((one.age_s for one in self.processes if one.pid == self.leader), 0.0)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of all processes; pages that they share count for each."""
        return sum(one.rss_bytes for one in self.processes)

    @property
    def machine_share(self) -> float:
        """Share of all cores of the machine, 0 to 1: what most panels show as "CPU %"."""
        return self.cores / self.machine_cores

    @property
    def quota_share(self) -> float | None:
        """Share of its quota; None without one."""
        return self.cores / self.quota_cores if self.quota_cores else None

    @property
    def hottest(self) -> ProcessLoad:
        """The process that uses most CPU, by its whole life where none uses any."""
        return max(self.processes, key=lambda one: (one.cores, one.cpu_s))

    @property
    def pegged(self) -> tuple[tuple[int, ThreadLoad], ...]:
        """The threads that use up a core, with their process."""
        return tuple((one.pid, thread) for one in self.processes for thread in one.pegged)


@dataclass(frozen=True, slots=True)
class Survey:
    """All Python services in sight, busiest first.

    `hidden` is how many processes of other users could not be told: Python or not. The quota in `machine` is our own;
    each service has its own.
    """

    interval_s: float
    machine: Machine
    services: tuple[ServiceUse, ...] = ()
    processes: int = 0
    hidden: int = 0
    notes: tuple[str, ...] = ()
