"""Every rule answers as the names of its fixtures say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rule_cases import ANSWERS, Case, fixtures, load_case

from spindoctor import knowledge
from spindoctor.knowledge import known_bugs
from spindoctor.model.outcome import Clear, Found, Outcome
from spindoctor.model.rule import Rule

FIXTURES = [pytest.param(rule, path, id=f"{rule.slug}/{path.stem}") for rule, path in fixtures()]
FIRES = [one for one in FIXTURES if "/fires_" in (one.id or "")]


@pytest.mark.parametrize(("rule", "path"), FIXTURES)
def test_rule_answers_as_the_fixture_name_says(rule: Rule, path: Path) -> None:
    """The file name's prefix is the expected answer, worked out by hand."""
    case = load_case(path)

    outcome = rule.judge(case.facts)

    assert ANSWERS[path.stem.split("_")[0]] is type(outcome), f"{case.why}: {outcome}"
    _check_reason(case, outcome)


def _check_reason(case: Case, outcome: Outcome) -> None:
    if not isinstance(outcome, Found):
        said = outcome.looked_at if isinstance(outcome, Clear) else outcome.why
        assert [word for word in case.expected.why if word not in said] == [], said


@pytest.mark.parametrize(("rule", "path"), FIRES)
def test_finding_says_what_the_fixture_expects(rule: Rule, path: Path) -> None:
    case = load_case(path)
    expected = case.expected

    outcome = rule.judge(case.facts)

    assert isinstance(outcome, Found)
    first = outcome.findings[0]
    figures = {figure.id: figure.value for figure in first.evidence}
    assert expected.severity in {None, first.severity}
    assert expected.confidence in {None, first.confidence}
    assert expected.others in {None, len(outcome.findings) - 1}
    assert expected.culprit == {name: getattr(first.culprit, name) for name in expected.culprit}
    assert [word for word in expected.claim if word not in first.claim] == [], first.claim
    assert expected.now in {None, first.now}
    assert expected.also in {None, tuple(one.function for one in first.culprits)}
    assert not figures.keys() & set(expected.without)
    assert expected.figures == {name: figures.get(name) for name in expected.figures}
    assert expected.cost == {name: round(getattr(first.cost, name), 2) for name in expected.cost}
    assert expected.candidates == len(first.candidates)
    assert expected.upstream == tuple(bug.url for bug in known_bugs(rule.slug, first, case.packages))


@pytest.mark.parametrize(("rule", "path"), FIRES)
def test_findings_hold_without_knowledge(rule: Rule, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of released packages only adds links; the mechanism is recognised without it."""
    case = load_case(path)
    outcome = rule.judge(case.facts)

    def nothing_known(_name: str) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(knowledge, "_table", nothing_known)
    without = rule.judge(case.facts)

    assert outcome == without
    assert isinstance(without, Found)
    assert all(known_bugs(rule.slug, one, case.packages) == () for one in without.findings)


@pytest.mark.parametrize(("rule", "path"), FIRES)
def test_finding_is_told_in_full(rule: Rule, path: Path) -> None:
    """A claim with its figures, a cure, what it explains and what would make it untrue."""
    outcome = rule.judge(load_case(path).facts)

    assert isinstance(outcome, Found)
    for one in outcome.findings:
        assert one.evidence
        assert one.explains
        assert one.would_change
        assert one.fix or one.severity == "info"
        assert "None" not in one.claim
