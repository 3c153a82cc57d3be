"""What the collector itself keeps of the heap that it goes through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heap:
    """Counters of one interpreter's collector, youngest generation first.

    `counts` are what has come since the last collection of a generation (objects made for the first, collections of
    the younger one for the others), `thresholds` at how many the next one comes (0: never). `survivors` are the objects
    that the last full collection left, `pending` those that younger collections have left since (None: not kept, as
    from 3.14 on). `live` are all objects that a full collection goes through (None: not kept, as before 3.14).
    """

    counts: tuple[int, ...]
    thresholds: tuple[int, ...]
    survivors: int | None = None
    pending: int | None = None
    live: int | None = None
