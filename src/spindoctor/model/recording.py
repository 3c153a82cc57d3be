"""The one thing that is saved: everything that was seen, complete in itself."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from spindoctor.model.calls import CallCounts
from spindoctor.model.closeup import Polled, Values
from spindoctor.model.endings import tells_stop
from spindoctor.model.frames import Frame
from spindoctor.model.heap import Heap
from spindoctor.model.hot import Failure, HotLook
from spindoctor.model.locks import SharedLook
from spindoctor.model.pipes import PipeLook
from spindoctor.model.process import Descriptor, Epoll, Machine, Target
from spindoctor.model.routes import Route
from spindoctor.model.sample import Missed, Sample
from spindoctor.model.switches import Switch, WatchedFiles
from spindoctor.model.tasks import TaskLook
from spindoctor.model.watching import PollLook, Pulse, Registration

FORMAT = 1
"""Grows when a saved recording could not be read by an older spindoctor."""


@dataclass(frozen=True, slots=True)
class ThreadUse:
    """What one thread used over the whole look: CPU seconds, context switches, seconds runnable but not running.

    `loop` is the address of the asyncio loop that runs in it, `loop_epoll` the descriptor of that loop's epoll; without
    a loop, that of an epoll that its outer functions work with. Of threads that ended before they were asked a last
    time the context switches and the wait for a CPU are not known (None).
    """

    tid: int
    name: str
    kernel_name: str
    user_s: float = 0.0
    system_s: float = 0.0
    voluntary: int | None = 0
    involuntary: int | None = 0
    queue_wait_s: float | None = 0.0
    loop: int | None = None
    loop_type: str | None = None
    loop_epoll: int | None = None

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s

    @property
    def wanted_s(self) -> float:
        """CPU that it used or is known to have stood in the run queue for, in seconds."""
        return self.cpu_s + (self.queue_wait_s or 0.0)


@dataclass(frozen=True, slots=True)
class SourceWindow:
    """Lines around one place. `first_line` is the number of `lines[0]`."""

    file: str
    line: int
    first_line: int
    lines: tuple[str, ...]
    is_changed_since_start: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place in loaded source that has the shape of a known mistake; a candidate, never proof."""

    shape: str
    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class QueueLook:
    """How many connections waited to be accepted at one moment: (inode of the listening socket, connections)."""

    at_s: float
    waiting: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ProcessRecording:
    """All that was seen of one process of the family.

    `collections` counts garbage collections by generation, youngest first (empty: not kept), `heap` is what the
    collector keeps of its generations.
    `failures` are exceptions that threads which burn CPU were handling, `functions` the whole functions that such
    threads were seen in. `descriptors_at_s` is when the descriptors were read, from the start of the recording.
    `routes` maps a frame of user code to the request seen there. `switches` are development settings that are on.
    `polls` are selector calls of busy threads, `pulses` and `registrations` of the descriptors that these tell of.
    `missing` says why a part could not be read ("tasks": "no asyncio in this process"). `ended` says how the process
    came to an end while it was looked at (None: it did not); its figures end then. `traced` are the system calls that
    were counted after the look, where that was asked for.
    """

    pid: int
    samples: tuple[Sample, ...] = ()
    missed: tuple[Missed, ...] = ()
    threads: tuple[ThreadUse, ...] = ()
    user_s: float = 0.0
    system_s: float = 0.0
    rss_bytes: int = 0
    major_faults: int = 0
    task_looks: tuple[TaskLook, ...] = ()
    hot_looks: tuple[HotLook, ...] = ()
    failures: tuple[Failure, ...] = ()
    polls: tuple[PollLook, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    registrations: tuple[Registration, ...] = ()
    collections: tuple[int, ...] = ()
    heap: Heap | None = None
    descriptors: tuple[Descriptor, ...] = ()
    descriptors_at_s: float | None = None
    descriptor_limit: int | None = None
    epolls: tuple[Epoll, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    routes: tuple[tuple[Frame, Route], ...] = ()
    sources: tuple[SourceWindow, ...] = ()
    functions: tuple[SourceWindow, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    switches: tuple[Switch, ...] = ()
    watched_files: tuple[WatchedFiles, ...] = ()
    has_gil: bool = True
    missing: tuple[tuple[str, str], ...] = ()
    ended: str | None = None
    values: tuple[Values, ...] = ()
    polled: tuple[Polled, ...] = ()
    traced: tuple[CallCounts, ...] = ()

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s

    def sample_at(self, at_s: float) -> Sample | None:
        """The last look at stacks before or at this moment: slow looks are made a moment after one of these."""
        number = bisect.bisect_right(self.samples, at_s, key=lambda sample: sample.at_s)
        return self.samples[number - 1] if number else None

    def calls_of(self, tid: int) -> CallCounts | None:
        """The system calls of one thread, None where nobody counted them."""
        return next((one for one in self.traced if one.tid == tid), None)

    def package(self, name: str) -> str | None:
        """The installed version of a distribution (normalised name), None where it is not installed."""
        return dict(self.packages).get(name)


@dataclass(frozen=True, slots=True)
class Recording:
    """A target, what was looked at, and what the looking cost.

    `seconds` is how long it really took, `rate_hz` the looks a second that were aimed at. `queue_looks` are of
    listening sockets at which connections waited when the descriptors were read.
    """

    target: Target
    machine: Machine
    seconds: float
    rate_hz: float
    processes: tuple[ProcessRecording, ...]
    started_at: float = 0.0
    own_cpu_s: float = 0.0
    is_pinned: bool = False
    is_interrupted: bool = False
    pipe_looks: tuple[PipeLook, ...] = ()
    queue_looks: tuple[QueueLook, ...] = ()
    shared_looks: tuple[SharedLook, ...] = ()
    notes: tuple[str, ...] = ()
    format: int = field(default=FORMAT)

    def process(self, pid: int) -> ProcessRecording | None:
        """What was seen of the member with this pid."""
        return next((one for one in self.processes if one.pid == pid), None)

    @property
    def looks(self) -> int:
        """Looks at all processes together."""
        return sum(len(one.samples) for one in self.processes)

    @property
    def ended(self) -> str | None:
        """How the process that was asked about ended, or was stopped, before the look was over; None if it was not."""
        hot = self.process(self.target.hot)
        return hot.ended if hot else None

    @property
    def stands_still(self) -> bool:
        """Whether the process that was asked about was stopped all the time: it was so at the end, and used no CPU."""
        hot = self.process(self.target.hot)
        return bool(hot and hot.ended and tells_stop(hot.ended) and not hot.cpu_s)

    @property
    def missed(self) -> int:
        """Looks that failed, all processes and reasons together."""
        return sum(miss.count for one in self.processes for miss in one.missed)
