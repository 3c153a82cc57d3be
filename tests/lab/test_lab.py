"""The doctor against real services: the sick ones are found at their marked line, the cured ones are left in peace.

With SPINDOCTOR_LAB=all every case is tried on every Python that it runs on; without it the founding incidents are, the
others on the few Pythons that their case names. A case that fails is tried once more, and that is said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from interpreters import SUPPORTED, python
from lab_cases import Case, all_cases
from lab_verdicts import Verdict, diagnose
from run import LabError, running

pytestmark = pytest.mark.lab

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

    def verdict(self) -> Verdict:
        """Start the service, let the doctor look at it, end it."""
        with running(self.case, self.which, python(self.version), options=self.options) as scene:
            return diagnose(scene.pid)


def versions(case: Case, which: str) -> Iterator[str]:
    """The Pythons on which a service is tried in this run."""
    is_wide = case.name in ON_EVERY_PYTHON or os.environ.get("SPINDOCTOR_LAB") == "all"
    few = case.quick if which == "sick" else [CURED_ON if case.runs_on(CURED_ON) else case.last]
    yield from (version for version in (SUPPORTED if is_wide else few) if case.runs_on(version))


def trials(which: str) -> list[Trial]:
    """Every trial of sick or of cured services; a healthy service counts as cured."""
    cases = [case for case in all_cases() if which == "cured" or case.expects]
    tried = [Trial(case, which, version) for case in cases for version in versions(case, which)]
    uvloop = [Trial(case, which, CURED_ON, ("--loop", "uvloop")) for case in cases if "uvloop" in case.loops]
    idle = [Trial(case, which, CURED_ON, ("--idle",)) for case in cases if which == "cured" and has_idle_twin(case)]
    return tried + uvloop + idle


def has_idle_twin(case: Case) -> bool:
    """The case's cured service is also tried without traffic."""
    return case.name in ON_EVERY_PYTHON and case.runs_on(CURED_ON)


def judge(trial: Trial, claim: Callable[[Trial, Verdict], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Hold a claim against a verdict; once more if it fails, since a shared machine can stall any single look."""
    try:
        claim(trial, trial.verdict())
    except (AssertionError, LabError) as problem:
        with capsys.disabled():
            sys.stdout.write(f"\n{trial}: tried once more, because of: {str(problem).splitlines()[0]}\n")
        claim(trial, trial.verdict())


def is_found(trial: Trial, verdict: Verdict) -> None:
    """The mechanisms of a case are found in their order, each at a marked line where its source has marks."""
    expected = trial.case.expected_on(trial.version)
    found = [slug for slug in verdict.report["ranking"] if slug in expected]
    first = (verdict.ranking or verdict.report["ranking"] or [None])[0]
    assert (first, found) == (expected[0], list(expected)), verdict.summary()
    for slug, lines in trial.case.marks().items():
        if slug in expected:
            wanted = {((*trial.case.name.split("/"), "sick.py"), line) for line in lines}
            assert verdict.places(slug) & wanted, f"{slug}: blamed {verdict.places(slug)}\n{verdict.summary()}"


def is_offered(trial: Trial, verdict: Verdict) -> None:
    """Where the guilty line is gone from memory, it is among the candidates."""
    for slug, lines in trial.case.marks("candidate").items():
        wanted = {((*trial.case.name.split("/"), "sick.py"), line) for line in lines}
        assert verdict.candidates(slug) & wanted, f"offered {verdict.candidates(slug)}\n{verdict.summary()}"


def is_left_in_peace(_: Trial, verdict: Verdict) -> None:
    """Nothing is found that would be a fault."""
    assert verdict.ranking == [], verdict.summary()


@pytest.mark.parametrize("trial", trials("sick"), ids=str)
def test_a_sick_service_is_found_at_its_marked_line(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    judge(trial, is_found, capsys)


@pytest.mark.parametrize("trial", [each for each in trials("sick") if each.case.marks("candidate")][:1], ids=str)
def test_a_line_that_is_gone_from_memory_is_offered_as_a_candidate(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(trial, is_offered, capsys)


@pytest.mark.parametrize("trial", trials("cured"), ids=str)
def test_a_cured_service_is_left_in_peace(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    judge(trial, is_left_in_peace, capsys)
