"""Evidence of what lies around the process: descriptors, quota, neighbours, memory. One class for each kind of fact."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.facts import Site
from spindoctor.model.process import Neighbour
from spindoctor.model.recording import Candidate
from spindoctor.model.share import Share


@dataclass(frozen=True, slots=True)
class DescriptorUse:
    """The open descriptors of one process: how many of how many, of which kinds, and what most of them are.

    `close_wait` counts sockets whose other end has hung up and that nobody here closes. `groups` are the largest groups
    of sockets and files, each with what they have in common: a peer, a port, a folder. `candidates` are places in the
    user's source that open such and keep them.
    """

    pid: int
    total: int
    limit: int | None
    kinds: tuple[tuple[str, int], ...]
    close_wait: int
    close_wait_groups: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def share(self) -> float:
        """How much of the limit is used; 0 where there is none."""
        return self.total / self.limit if self.limit else 0.0


@dataclass(frozen=True, slots=True)
class DescriptorUses:
    """The descriptors of all processes, the fullest first, and the files of the whole machine against their limit."""

    processes: tuple[DescriptorUse, ...]
    open_files: int | None = None
    open_files_limit: int | None = None

    @property
    def machine_share(self) -> float:
        """How much of the machine's limit is used; 0 where it is not known."""
        return (self.open_files or 0) / self.open_files_limit if self.open_files_limit else 0.0

    def is_machine_full(self, spare: int) -> bool:
        """Whether at most `spare` more files can be opened on the machine."""
        known = self.open_files is not None and self.open_files_limit is not None
        return known and (self.open_files_limit or 0) - (self.open_files or 0) <= spare


@dataclass(frozen=True, slots=True)
class Throttling:
    """What a CPU quota did during the look. `cores` is what the service used, `site` where its busiest thread ran."""

    quota_cores: float | None
    periods: Share
    stopped_s: float
    seconds: float
    cores: float
    site: Site | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Queuer:
    """A thread that wanted a CPU: cores used, and the share of the look that it was runnable without one."""

    pid: int
    thread: str
    cores: float
    waited: float
    site: Site | None = None

    @property
    def wanted(self) -> float:
        """Cores it would have used."""
        return self.cores + self.waited


@dataclass(frozen=True, slots=True)
class Starvation:
    """Who queued for a CPU, and who had it. `others_cores` is what all other processes of the machine used."""

    threads: tuple[Queuer, ...]
    cores: int
    allowed_cores: float
    own_cores: float
    others_cores: float | None
    steal_cores: float | None
    throttled: Share
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of the service against what it may have. Pressures are shares of the look in which somebody waited."""

    rss_bytes: int
    faults_per_s: float
    limit_bytes: int | None = None
    total_bytes: int | None = None
    available_bytes: int | None = None
    swap_bytes: int | None = None
    pressure: float | None = None
    largest: int | None = None
    largest_bytes: int = 0
