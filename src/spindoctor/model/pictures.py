"""What a page shows as pictures: who did what when, the stacks through the culprit, who waits for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spindoctor.model.profile import Profile, State

Shares = tuple[tuple[State, float], ...]
"""States with their share of a time, 0 to 1 each and together at most 1; what is missing was not looked at."""


@dataclass(frozen=True, slots=True)
class Band:
    """A thread, or several of one kind, over the look: what it did altogether and in equally long columns of time.

    `threads` is how many they are, `cores` what they used together.
    """

    pid: int
    name: str
    threads: int
    cores: float
    total: Shares
    columns: tuple[Shares, ...]
    is_culprit: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """The threads that say something, the culprit's first; `left_out` further ones were idle or used less CPU."""

    seconds: float
    bands: tuple[Band, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The stacks of one thread cut to the culprit: `through` of its `looks` that were not idle pass through it.

    `outer` frames that all of them have in common were cut off at the top. `through` is None where the culprit is on
    fewer than half of them: the whole thread is shown then.
    """

    profile: Profile
    thread: str
    pid: int
    looks: int
    through: int | None
    outer: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Alike tasks or threads, or what they wait for. `place` is where, "" for what has none.

    `kind`: "task", "thread", "pool", "lock" or "end" (nothing further is known). `is_circle`: it stands above, too.
    """

    kind: Literal["task", "thread", "pool", "lock", "end"]
    count: int
    words: str
    place: str = ""
    route: str = ""
    then: tuple[Waiting, ...] = ()
    is_circle: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """Who waits for whom at the last slow look, the largest groups first; `left_out` groups are not shown.

    `tasks` were read of the `pending` that there were.
    """

    roots: tuple[Waiting, ...]
    tasks: int
    at_s: float
    left_out: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures of one report; None for one that there is nothing to draw of."""

    timeline: Timeline | None
    cut: Cut | None
    waits: Waits | None
