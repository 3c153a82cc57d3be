"""The rule that CONTRIBUTING.md writes as an example is a rule, and answers as its fixture says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spindoctor.model.cpu import CpuUse
from spindoctor.model.outcome import Clear, Found, Outcome, Unsure
from spindoctor.model.rule import Missing, Rule

GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


def block(language: str) -> str:
    """The guide's only block in a language."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(text)


@pytest.fixture
def rule() -> Rule:
    names: dict[str, Any] = {}
    exec(compile(block("python"), "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own page
    assert isinstance(names["RULE"], Rule)
    return names["RULE"]


def answer(rule: Rule, **changes: object) -> Outcome:
    table = tomllib.loads(block("toml"))["CpuUse"]
    table["threads"][0] |= changes
    return rule.judge({CpuUse: msgspec.convert(table, CpuUse)})


def test_the_example_fires_as_its_fixture_says(rule: Rule) -> None:
    expected = tomllib.loads(block("toml"))["expect"]

    outcome = answer(rule)

    assert isinstance(outcome, Found)
    assert outcome.findings[0].severity == expected["severity"]
    assert [word for word in expected["claim"] if word not in outcome.findings[0].claim] == []


def test_the_example_is_quiet_for_the_near_miss(rule: Rule) -> None:
    assert isinstance(answer(rule, is_loop=True), Clear)


def test_the_example_is_unsure_without_the_fact(rule: Rule) -> None:
    assert rule.judge({CpuUse: Missing("not read")}) == Unsure("not read")
