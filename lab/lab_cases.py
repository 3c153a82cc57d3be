"""The cases of the lab, read from their folders: `cases/<slug>/<variant>/case.toml` and the marks in the sources."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).resolve().parent / "cases"
MARK = re.compile(r"# <- (culprit|candidate): ([a-z-]+)")


@dataclass(frozen=True)
class Case:
    """One mistake as a pair of services, and what is to be found in the sick one."""

    name: str
    """`<slug>/<variant>`: its folder below `cases/`."""
    symptom: str
    """What an engineer would notice."""
    figures: str
    """What was measured without our own tool."""
    traffic: str
    """What `traffic.py` does."""
    expects: tuple[str, ...] = ()
    """Mechanisms in the order of the ranking; empty for a healthy service."""
    may: tuple[str, ...] = ()
    """Further mechanisms that may be reported without being wrong."""
    first: str = "3.8"
    last: str = "3.15"
    quick: tuple[str, ...] = ("3.9", "3.12", "3.15")
    """The Pythons it is tried on where time is short."""
    loops: tuple[str, ...] = ("asyncio",)
    backends: tuple[str, ...] = ()
    """Servers that the service needs, started by the runner: `mongo`."""
    expects_from: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Instead of `expects` from this Python on, where a newer one shows the same mistake in another form."""

    @property
    def slug(self) -> str:
        """The mechanism that the case is filed under."""
        return self.name.split("/")[0]

    @property
    def folder(self) -> Path:
        """Where its programs lie."""
        return CASES / self.name

    def runs_on(self, version: str) -> bool:
        """The case can be brought about on this Python."""
        return _number(self.first) <= _number(version) <= _number(self.last)

    def expected_on(self, version: str) -> tuple[str, ...]:
        """The mechanisms to be found in the sick service on this Python, in order."""
        newer = [start for start in self.expects_from if _number(start) <= _number(version)]
        return self.expects_from[max(newer, key=_number)] if newer else self.expects

    def marks(self, kind: str = "culprit", program: str = "sick.py") -> dict[str, set[int]]:
        """The marked lines of a program by mechanism: `# <- culprit: slug` on the line itself."""
        lines: dict[str, set[int]] = {}
        for number, text in enumerate((self.folder / program).read_text().splitlines(), start=1):
            for found, slug in MARK.findall(text):
                if found == kind:
                    lines.setdefault(slug, set()).add(number)
        return lines


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [load(path.parent) for path in sorted(CASES.glob("*/*/case.toml"))]


def load(folder: Path) -> Case:
    """The case that lies in a folder."""
    values = tomllib.loads((folder / "case.toml").read_text())
    return Case(name=f"{folder.parent.name}/{folder.name}", **{name: _frozen(value) for name, value in values.items()})


def _frozen(value: object) -> object:
    """TOML's lists as tuples, at every depth that occurs."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items()}
    return value


def _number(version: str) -> tuple[int, ...]:
    """A version that compares as numbers do."""
    return tuple(map(int, version.split(".")))
