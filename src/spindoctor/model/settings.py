"""Evidence about development settings that are on in production, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.facts import Site
from spindoctor.model.frames import Frame
from spindoctor.model.recording import Candidate
from spindoctor.model.share import NO_LOOKS, Share


@dataclass(frozen=True, slots=True)
class DevSetting:
    """One setting that is on in one process.

    `kind` is "asyncio debug", "reloader", "application debug", "trace function" or "profile function". `inside` are the
    looks at its thread (of those functions: at all the `threads` that call it) on the CPU that fell into the setting's
    own work, of `thread_cores` in all. `site` is the user's code seen there most. `turned_on` and `candidates` are
    where the source turns it on. `files` is how many files a reloader polls, `calls` the trace or profile function.
    """

    kind: str
    pid: int
    shown_by: str
    thread: str | None = None
    inside: Share = NO_LOOKS
    thread_cores: float = 0.0
    site: Site | None = None
    turned_on: Frame | None = None
    candidates: tuple[Candidate, ...] = ()
    files: int = 0
    threads: int = 1
    calls: Frame | None = None

    @property
    def cores(self) -> float:
        """What the setting's own work costs, in cores."""
        return self.inside.ratio * self.thread_cores


@dataclass(frozen=True, slots=True)
class StartedAs:
    """How one process was started: command line, names in its environment, and its threads with their CPU in cores.

    `has_children`: another process of the family is its child.
    """

    pid: int
    command: tuple[str, ...]
    environment: tuple[str, ...]
    threads: tuple[tuple[str, float], ...] = ()
    has_children: bool = False


@dataclass(frozen=True, slots=True)
class DevSettings:
    """All settings that were seen, the costliest first; `loops` is how many event loops were asked."""

    settings: tuple[DevSetting, ...]
    processes: tuple[StartedAs, ...]
    loops: int = 0
