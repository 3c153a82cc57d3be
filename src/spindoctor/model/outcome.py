"""What a rule answers, and the report made of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from spindoctor.model.process import Machine, Target
from spindoctor.model.recording import Candidate, SourceWindow

Severity = Literal["critical", "warning", "info"]
"""`info` is no fault: a core used by right, a ceiling by itself."""

Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a finding costs, for ranking.

    Cores burned, share of the loop's time lost, share of the time in which threads that had work could not go on,
    callers kept waiting, and by how many seconds they are late: so far, where it `never_ends`.
    """

    cores: float = 0.0
    loop_share: float = 0.0
    waiting: int = 0
    delay_s: float = 0.0
    time_share: float = 0.0
    never_ends: bool = False


@dataclass(frozen=True, slots=True)
class Culprit:
    """Where to look: the user's own code nearest to the cause, or the library's where only that is at fault."""

    pid: int | None = None
    thread: str | None = None
    task: str | None = None
    function: str | None = None
    file: str | None = None
    line: int | None = None
    route: str | None = None
    library_frame: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: what it says, its value and unit, and where it was read."""

    id: str
    claim: str
    value: float | int | str | bool
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """A known bug of a package that is installed here in an affected version."""

    package: str
    installed: str
    fixed_in: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or, as `info`, worth knowing): a claim with its figure, a culprit and the evidence.

    `explains` says which symptom it accounts for. `would_change` is what would make the claim untrue.
    """

    claim: str
    severity: Severity
    confidence: Confidence
    cost: Cost
    culprit: Culprit
    culprits: tuple[Culprit, ...] = ()
    evidence: tuple[Figure, ...] = ()
    against: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    explains: str = ""
    would_change: str = ""
    candidates: tuple[Candidate, ...] = ()
    upstream: tuple[Upstream, ...] = ()

    @property
    def other_candidates(self) -> tuple[Candidate, ...]:
        """The candidates that are not among the culprits already."""
        told = {(one.file, one.line) for one in (self.culprit, *self.culprits)}
        return tuple(one for one in self.candidates if (one.file, one.line) not in told)


@dataclass(frozen=True, slots=True)
class Found:
    """The mechanism is there."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Clear:
    """The mechanism was looked for with enough evidence and is not there."""

    looked_at: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """The evidence does not suffice; `why` says what is missing and what would give it.

    `is_sign`: something was seen that may be a fault, so that nobody may say that nothing was.
    """

    why: str
    is_sign: bool = False


Outcome = Found | Clear | Unsure


@dataclass(frozen=True, slots=True)
class Cleared:
    """A usual suspect that is not the cause, with the figure that clears it."""

    suspect: str
    figure: str


@dataclass(frozen=True, slots=True)
class Look:
    """How the target was looked at, and what that cost. `ended`: how the hot process ended meanwhile, if it did."""

    seconds: float
    looks: int
    missed: tuple[tuple[str, int], ...]
    rate_hz: float
    own_cpu_cores: float
    incomplete_stacks: int = 0
    is_pinned: bool = False
    is_interrupted: bool = False
    started_at: float = 0.0
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process of the family as the report's head shows it: cores used, and its busiest thread."""

    pid: int
    role: str
    command: str
    cores: float
    busiest_thread: str
    busiest_thread_cores: float
    threads: int


@dataclass(frozen=True, slots=True)
class Report:
    """Target and all outcomes, ranked; renders without the target.

    `titles` maps each slug to its rule's title.
    """

    target: Target
    machine: Machine
    look: Look
    outcomes: dict[str, Outcome]
    ranking: tuple[str, ...] = ()
    cleared: tuple[Cleared, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    sources: tuple[SourceWindow, ...] = ()
    notes: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = field(default=())
    titles: dict[str, str] = field(default_factory=dict)

    def source(self, file: str | None, line: int | None) -> SourceWindow | None:
        """The lines around a place, where they could be read."""
        return next((one for one in self.sources if (one.file, one.line) == (file, line)), None)
