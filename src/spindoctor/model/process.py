"""The service that is looked at, and the machine around it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the family, named by pid *and* start time (a pid alone can be used again).

    `start_ticks` is field 22 of `/proc/PID/stat`; `started_at` is seconds since the epoch.
    `environment` holds names only, never values. `role` is "leader", "worker" or "relative".
    """

    pid: int
    start_ticks: int
    started_at: float
    parent_pid: int
    name: str
    command: tuple[str, ...]
    executable: str
    cwd: str
    user: str
    python: str | None = None
    role: str = "leader"
    environment: tuple[str, ...] = ()
    sys_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A process family: one service as its user thinks of it.

    `made_by` says how the workers came to be ("uvicorn", "gunicorn", "tornado", "multiprocessing", "single", ...),
    as far as it shows. `ports` are the TCP ports that the family listens on.
    """

    leader: int
    hot: int
    processes: tuple[Process, ...]
    made_by: str = "single"
    ports: tuple[int, ...] = ()

    def process(self, pid: int) -> Process | None:
        """The member with this pid."""
        return next((one for one in self.processes if one.pid == pid), None)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A process outside of the family, and the cores it used during the look."""

    pid: int
    name: str
    cores: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kernel gives this family, and how the machine was used during the look.

    `affinity_cores` is how many cores the hot process may run on; `quota_cores` its cgroup's CPU quota (None:
    no quota).
    Figures that end in `_cores` are CPU seconds a second over the look; None where the kernel does not tell.
    `periods`, `throttled_periods` and `throttled_s` are what the quota did during the look. The pressures are shares of
    the look in which some thread waited for a CPU or for memory: of the machine, and of the cgroup.
    """

    cores: int
    affinity_cores: int
    quota_cores: float | None = None
    cgroup_version: int | None = None
    throttled_periods: int | None = None
    periods: int | None = None
    throttled_s: float | None = None
    busy_cores: float | None = None
    steal_cores: float | None = None
    iowait_cores: float | None = None
    load_1min: float | None = None
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    memory_limit_bytes: int | None = None
    swap_used_bytes: int | None = None
    cgroup_cpu_pressure: float | None = None
    cgroup_memory_pressure: float | None = None
    memory_used_bytes: int | None = None
    """What the cgroup with the smallest memory limit uses (None: no limit)."""
    failed_connects: int | None = None
    """TCP connections of the hot process's network namespace that failed before they were there."""
    opened_connects: int | None = None
    """TCP connections that were begun or accepted in that namespace."""
    open_files: int | None = None
    """Files that all processes of the machine have open."""
    open_files_limit: int | None = None
    """How many they may have open together (fs.file-max); beyond it only root opens more."""
    neighbours: tuple[Neighbour, ...] = ()
    """The busiest processes that are none of the family's; as far as they show."""
    newborn: tuple[Neighbour, ...] = ()
    """Children that the family got during the look, the busiest first; nobody looked at them."""
    short_lived: int = 0
    """Forks of the family, running what their parents run, that began during the look and were gone before its end."""


@dataclass(frozen=True, slots=True)
class Socket:
    """A TCP, UDP or Unix socket as the kernel's tables show it.

    `state` is the kernel's name ("LISTEN", "CLOSE_WAIT"). `sent_ago_s` and `received_ago_s` are the seconds since data
    went over a TCP connection in that direction (None: not told, infinite: none did). After that it stayed silent for
    `stayed_s` more, to the end of the look (0: something went over it, or nobody looked).
    """

    inode: int
    protocol: str
    local: str
    remote: str
    state: str
    receive_queue_bytes: int = 0
    send_queue_bytes: int = 0
    sent_ago_s: float | None = None
    received_ago_s: float | None = None
    stayed_s: float = 0.0
    arrived: int | None = None
    """Segments with data that a TCP connection received in the second half of the look (None: not told)."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One open descriptor.

    `kind` is "socket", "pipe", "file", "epoll", "eventfd", "timerfd", "signalfd", "inotify", "other".
    """

    fd: int
    kind: str
    inode: int
    path: str
    socket: Socket | None = None


@dataclass(frozen=True, slots=True)
class EpollEntry:
    """One descriptor that an epoll watches: its number when it was added, the events asked for, and its inode."""

    fd: int
    events: int
    inode: int


@dataclass(frozen=True, slots=True)
class Epoll:
    """An epoll instance as one process sees it.

    `shared_with` are (pid, fd) that kcmp(2) says are the same open file.
    """

    pid: int
    fd: int
    entries: tuple[EpollEntry, ...]
    shared_with: tuple[tuple[int, int], ...] = ()
