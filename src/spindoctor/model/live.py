"""What a live view shows of one moment: gauges, and tables that can be sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spindoctor.model.frames import Frame

Unit = Literal["text", "place", "count", "mean", "cores", "share", "seconds", "bytes"]
"""How a column's values are written; all but "text" and "place" (a text whose end tells most) are numbers."""

Cell = str | float


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its heading."""

    name: str
    unit: Unit = "text"

    @property
    def is_number(self) -> bool:
        """Whether its values stand to the right, and begin with the largest when sorted."""
        return self.unit not in {"text", "place"}


@dataclass(frozen=True, slots=True)
class Path:
    """One stack behind a row, outermost first, with its share of what the row stands for."""

    share: float
    words: str
    stack: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `key` names the same thing in the next moment; `pid` is what `diagnose` would look at."""

    key: str
    cells: tuple[Cell, ...]
    pid: int
    paths: tuple[Path, ...] = ()
    is_hot: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `sort` is the place of the column that it is sorted by unless somebody wants another, largest first."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    sort: int
    empty: str
    """What is said where there is no row."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """The figures at the top. What is None could not be read.

    `gil_held` and `gil_wanted` are the share of looks in which a thread had it, and how many waited on average: of the
    process whose GIL is wanted (or else held) most.
    `loop_late_s` is how late the latest timer of any loop was; `tasks_read` of the `tasks` were read, the others are
    in no table.
    """

    pid: int
    command: str
    python: str
    machine_cores: int
    allowed_cores: float
    family_cores: float
    processes: int
    threads: int
    gil_held: float
    gil_wanted: float
    loops: int
    loop_late_s: float | None
    tasks: int
    tasks_read: int
    looks: int
    missed: int
    own_cores: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One moment: gauges of the last look, and tables of what has been seen lately (`window_s`)."""

    gauges: Gauges
    sheets: tuple[Sheet, ...]
    window_s: float
    note: str = ""

    def sheet(self, name: str) -> Sheet:
        """The table of this name."""
        return next(one for one in self.sheets if one.name == name)
