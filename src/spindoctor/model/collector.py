"""Evidence about the cyclic garbage collector: who runs it, how long, and whether somebody asked for it."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.facts import Site
from spindoctor.model.heap import Heap
from spindoctor.model.share import Share


@dataclass(frozen=True, slots=True)
class Collector:
    """Collections that ran in one thread.

    `inside` is the share of the thread's looks on the CPU that fell into a collection, `pauses` how many separate ones
    they were and `longest_s` the longest as far as it was seen (`are_joined`: no more than the average, for more full
    ones were counted than could be told apart). `asked` are those of them at a line that asks for a collection itself.
    `collections` counts them by generation, youngest first (empty: not kept by this Python), `heap` is what the
    collector itself keeps of its generations. `looks` are all looks at the process (0: not known).
    """

    pid: int
    tid: int
    name: str
    is_loop: bool
    cores: float
    inside: Share
    pauses: int
    longest_s: float
    asked: Share
    site: Site
    collections: tuple[int, ...] = ()
    heap: Heap | None = None
    looks: int = 0
    are_joined: bool = False


@dataclass(frozen=True, slots=True)
class Collectors:
    """All threads that were seen collecting, and how many looks there were at the family."""

    collectors: tuple[Collector, ...]
    looks: int
