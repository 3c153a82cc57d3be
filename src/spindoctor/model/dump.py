"""What all threads and tasks of a service were doing at the end of a look."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Stack
from spindoctor.model.process import Process
from spindoctor.model.profile import State
from spindoctor.model.recording import SourceWindow
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import Task

Named = tuple[tuple[str, str], ...]
"""Local variables by name, in words."""


@dataclass(frozen=True, slots=True)
class ThreadDump:
    """One thread. `stack` is innermost first.

    `doing` says its state in words, `waits_on` which lock, descriptors or peers it waits for. `still_s` is how
    long it has been asleep at this place without running, as far as the look goes back (None: it has run),
    `is_still_all_along` where that is all of the look. `on_cpu` counts looks. `locals`
    has the variables of frame after frame.
    """

    tid: int
    name: str
    state: State
    doing: str
    waits_on: str
    cores: float
    on_cpu: Share
    stack: Stack
    is_loop: bool = False
    is_complete: bool = True
    still_s: float | None = None
    is_still_all_along: bool = False
    route: str | None = None
    task: str | None = None
    locals: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads with the same stack in the same state; the first stands for all, whatever their variables hold."""

    members: tuple[ThreadDump, ...]


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks at the same await under the same tasks, which wait for `awaited` in turn; the first stands for all.

    `waits_for` says which lock, pool or peer, where it is one. `seen` are the slow looks, counted back from the last,
    that found the first at this await, `since_s` the time from the earliest of them. `is_again` marks one that stands
    elsewhere in full: more than one awaits it.
    """

    members: tuple[Task, ...]
    waits_for: str = ""
    awaited: tuple[Tasks, ...] = ()
    is_running: bool = False
    is_again: bool = False
    seen: Share = NO_LOOKS
    since_s: float = 0.0
    locals: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessDump:
    """One process: threads that do something first, then those that wait; tasks that nobody awaits at the top.

    `missing` says why there are no tasks.
    """

    process: Process
    cores: float
    threads: tuple[Threads, ...]
    tasks: tuple[Tasks, ...] = ()
    task_count: int = 0
    missing: str = ""
    sources: tuple[SourceWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class Dump:
    """Some or all processes of a service."""

    processes: tuple[ProcessDump, ...]
    seconds: float
    looks: int
    missed: int
    others: tuple[int, ...] = ()
    started_at: float = 0.0
    is_interrupted: bool = False
    notes: tuple[str, ...] = ()
