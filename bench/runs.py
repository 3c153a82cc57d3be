"""What one run of one reader gave, and the file in which runs are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

OURS = "spindoctor"
STACKS = "spindoctor record"
"""Our own reader of stacks, which judges nothing: what the others do, it does."""

PURE = "spindoctor record, pure Python"
"""The same without the compiled engine."""

ASKED_HZ = 100
"""Looks a second that every reader is asked for."""

NOBODY = "none"
"""The rows of a target at which nobody looks."""


@dataclass(frozen=True)
class Run:
    """One run of `reader` at a target. What could not be measured is None; `failed` says why a reader did not run.

    `cores` are CPU seconds per second of looking, without start-up and report; `cpu_s` and `whole_s` are of the whole
    run. `rate` is the target's iterations (under wrk: requests) a second meanwhile, `beside` the same with nobody
    looking just before and after it (under wrk only). `share` is what the reader gave to one function,
    `true_share` what the target counted itself. `missed` is a share of looks.
    """

    workload: str
    python: str
    reader: str
    seconds: float = 0.0
    commit: str = ""
    version: str = ""
    cores: float | None = None
    cpu_s: float | None = None
    whole_s: float | None = None
    memory_mb: float | None = None
    rate: float | None = None
    beside: float | None = None
    p99_ms: float | None = None
    p99_beside_ms: float | None = None
    share: float | None = None
    true_share: float | None = None
    missed: float | None = None
    looks: int | None = None
    failed: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What the run can be compared with: the same workload on the same Python."""
        return self.workload, self.python

    @property
    def look_us(self) -> float | None:
        """Own CPU for one look, in microseconds; of a reader that does not count its looks by the rate asked for."""
        if self.cores is None or not self.seconds:
            return None
        return self.cores * 1e6 / (self.looks / self.seconds if self.looks else ASKED_HZ)

    @property
    def around_s(self) -> float | None:
        """What the run took beyond the time that it was asked to look: start-up, and from the last look to the end."""
        return self.whole_s - self.seconds if self.whole_s is not None and not self.failed else None

    @property
    def error(self) -> float | None:
        """How far the profile is from what the target counted itself, as a share."""
        return abs(self.share - self.true_share) if self.share is not None and self.true_share is not None else None

    @property
    def kept_rate(self) -> float | None:
        """The target's rate as a share of that with nobody looking just before and after."""
        return self.rate / self.beside if self.rate and self.beside else None


def load(path: Path) -> list[Run]:
    """The runs that are kept in a file; none where there is no file. Fields that are no longer known are left out."""
    known = {field.name for field in fields(Run)}
    kept = json.loads(path.read_text()) if path.exists() else []
    return [Run(**{"python": "", **{name: value for name, value in one.items() if name in known}}) for one in kept]


def save(runs: Iterable[Run], path: Path) -> None:
    """Keep runs, one a line, without what was not measured."""
    lines = [
        json.dumps({name: value for name, value in asdict(one).items() if value not in {None, ""}}) for one in runs
    ]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def refuses(kept: Iterable[Run], reader: str, python: str) -> bool:
    """Whether a reader was asked about this Python and never ran."""
    asked = [one for one in kept if (one.reader, one.python) == (reader, python)]
    return bool(asked) and all(one.failed for one in asked)


def merged(kept: Sequence[Run], new: Sequence[Run], *, adds: bool) -> list[Run]:
    """The kept runs with the new ones: added to those of their place and reader, or (not `adds`) in their stead."""
    again = set() if adds else {(*one.place, one.reader) for one in new}
    return [*(one for one in kept if (*one.place, one.reader) not in again), *new]
