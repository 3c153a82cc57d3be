"""The doctor against real services: the sick ones are found at their marked line, the cured ones are left in peace.

With SPINDOCTOR_LAB=all every case is tried on every Python that it runs on; without it the founding incidents are, the
others on the few Pythons that their case names. A case that fails is tried again, twice at most, and that is said;
every look is kept for docs/verdicts.md (`make lab` writes it).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest
from interpreters import python
from matrix import look_once
from run import LabError
from trials import Trial, first_verdict, has_candidate, missed_places, missing
from trials import trials as every_trial
from verdicts import Verdict

pytestmark = pytest.mark.lab


def trials(which: str) -> list[Trial]:
    """The trials of this run."""
    return every_trial(which, is_wide=os.environ.get("SPINDOCTOR_LAB") == "all")


TRIES = 3
"""Of 250 looks on a machine that others used, 4 failed and were right when made again: twice in a row is bad luck that
comes in one run of ten, three times in one of hundreds. Every failure is printed and counted in docs/verdicts.md."""


def judge(trial: Trial, claim: Callable[[Trial, Verdict], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Hold a claim against a verdict; again if it fails, since a shared machine can stall any single look."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            claim(trial, look_once(trial, python(trial.version)))
        except (AssertionError, LabError) as problem:
            if last:
                raise
            with capsys.disabled():
                sys.stdout.write(f"\n{trial}: tried again, because of: {problem}\n")
        else:
            return


def is_found(trial: Trial, verdict: Verdict) -> None:
    """The mechanisms of a case are found in their order, each at a marked line where its source has marks."""
    assert first_verdict(verdict) == trial.case.expected_on(trial.version)[0], verdict.summary()
    assert missing(trial, verdict) == [], verdict.summary()
    wrong = {slug: verdict.places(slug) for slug in missed_places(trial, verdict)}
    assert wrong == {}, f"blamed {wrong}\n{verdict.summary()}"


def is_offered(trial: Trial, verdict: Verdict) -> None:
    """Where the guilty line is gone from memory, it is among the candidates."""
    assert has_candidate(trial, verdict), verdict.summary()


def is_left_in_peace(trial: Trial, verdict: Verdict) -> None:
    """Nothing is found that would be a fault, but for what a case names as true of its cured twin too."""
    assert [slug for slug in verdict.ranking if slug not in trial.case.may] == [], verdict.summary()


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
