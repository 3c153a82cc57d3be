"""The lab's cases are complete, and name what they are about in the same way everywhere. Needs no service to run."""

from __future__ import annotations

import ast

import pytest
from lab_cases import CASES, Case, all_cases

from spindoctor.rules import ALL_RULES

CASE = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
SLUGS = {rule.slug for rule in ALL_RULES}


@CASE
def test_a_case_has_its_programs_its_packages_and_its_notes(case: Case) -> None:
    programs = {"cured.py", "traffic.py"} | ({"sick.py"} if case.expects else set())

    present = {path.name for path in case.folder.iterdir() if path.is_file()}

    assert present == programs | {"case.toml", "requirements.txt", "notes.md"}


@CASE
def test_a_case_expects_the_mechanism_that_it_is_filed_under(case: Case) -> None:
    expected = set(case.expects) or {"nothing-wrong"}

    assert case.slug in expected
    assert expected <= SLUGS


@CASE
def test_only_sick_programs_bear_marks_and_only_of_expected_mechanisms(case: Case) -> None:
    if case.expects:
        assert set(case.marks()) | set(case.marks("candidate")) <= set(case.expects)

    assert case.marks(program="cured.py") == {}


@CASE
def test_services_run_on_the_oldest_python_that_the_case_names(case: Case) -> None:
    version = tuple(map(int, case.first.split(".")))

    for program in case.folder.glob("*.py"):
        ast.parse(program.read_text(), feature_version=version)


def test_every_rule_has_a_case() -> None:
    assert {case.slug for case in all_cases()} >= SLUGS


def test_no_folder_is_left_over() -> None:
    folders = {path.parent for path in CASES.glob("*/*/*.py")}

    assert folders == {case.folder for case in all_cases()}
