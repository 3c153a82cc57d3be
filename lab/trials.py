"""What is tried of the lab: which service on which Python, and whether the doctor's answer was right."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab_cases import Case, all_cases
from run import pythons, running
from verdicts import Verdict, diagnose

ON_EVERY_PYTHON = (
    "undeliverable-cancellation/inside-anyio",
    "undeliverable-cancellation/swallowed",
    "forked-event-loop/tornado-6-1",
    "forked-event-loop/tornado-current",
)
CURED_ON = "3.12"  # where a case is tried on few Pythons, its cured twin is on one


@dataclass(frozen=True)
class Trial:
    """One service on one Python."""

    case: Case
    which: str
    version: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.case.name, self.which, self.version, *(each.lstrip("-") for each in self.options)))

    def verdict(self, interpreter: pythons.Interpreter, recording: Path, *, background: bool = False) -> Verdict:
        """Start the service, let the doctor look at it and save what it saw, end it."""
        with running(self.case, self.which, interpreter, options=self.options, background=background) as scene:
            return diagnose(scene.pid, recording)


def versions(case: Case, which: str, *, is_wide: bool) -> Iterator[str]:
    """The Pythons on which a service is tried; few where time is short."""
    few = case.quick if which == "sick" else [CURED_ON if case.runs_on(CURED_ON) else case.last]
    wanted = pythons.SUPPORTED if is_wide or case.name in ON_EVERY_PYTHON else few
    yield from (version for version in wanted if case.runs_on(version))


def trials(which: str, *, is_wide: bool) -> list[Trial]:
    """Every trial of sick or of cured services; a healthy service counts as cured."""
    cases = [case for case in all_cases() if which == "cured" or case.expects]
    tried = [Trial(case, which, version) for case in cases for version in versions(case, which, is_wide=is_wide)]
    uvloop = [Trial(case, which, CURED_ON, ("--loop", "uvloop")) for case in cases if "uvloop" in case.loops]
    idle = [Trial(case, which, CURED_ON, ("--idle",)) for case in cases if which == "cured" and has_idle_twin(case)]
    return tried + uvloop + idle


def has_idle_twin(case: Case) -> bool:
    """The case's cured service is also tried without traffic."""
    return case.name in ON_EVERY_PYTHON and case.runs_on(CURED_ON)


def first_verdict(verdict: Verdict) -> str | None:
    """The first mechanism that is a fault; where there is none, the first that is information."""
    return next(iter(verdict.ranking or verdict.report["ranking"]), None)


def missing(trial: Trial, verdict: Verdict) -> list[str]:
    """The mechanisms of a sick case that were not found, or not in their order behind the first."""
    expected = trial.case.expected_on(trial.version)
    found = [slug for slug in verdict.report["ranking"] if slug in expected]
    return [] if found == list(expected) else [slug for slug in expected if slug not in found] or list(expected)


def missed_places(trial: Trial, verdict: Verdict) -> list[str]:
    """The expected mechanisms that put the blame on none of the lines that are marked for them."""
    expected = trial.case.expected_on(trial.version)
    marked = {slug: lines for slug, lines in trial.case.marks().items() if slug in expected}
    return [slug for slug, lines in marked.items() if not verdict.places(slug) & _wanted(trial, lines)]


def has_candidate(trial: Trial, verdict: Verdict) -> bool:
    """Where guilty lines are gone from memory, they are among the candidates."""
    marks = trial.case.marks("candidate").items()
    return all(verdict.candidates(slug) & _wanted(trial, lines) for slug, lines in marks)


def _wanted(trial: Trial, lines: Collection[int]) -> set[tuple[tuple[str, ...], int]]:
    return {((*trial.case.name.split("/"), "sick.py"), line) for line in lines}
