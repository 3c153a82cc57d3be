"""Whatever speaks of rules speaks of the same ones, and no threshold stands without its reason."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from rule_cases import ANSWERS, HERE, fixtures

from spindoctor.model.outcome import Unsure
from spindoctor.model.rule import Missing, Rule
from spindoctor.rules import ALL_RULES

ROOT = HERE.parents[1]
LAB = ROOT / "lab" / "cases"
SECTIONS = ["What we saw", "Why it hurts", "What to do", "False alarms", "Missed alarms"]
SLUGS = [rule.slug for rule in ALL_RULES]
RULES = [pytest.param(rule, id=rule.slug) for rule in ALL_RULES]


def module_of(rule: Rule) -> Path:
    return Path(inspect.getfile(importlib.import_module(f"spindoctor.rules.{rule.slug.replace('-', '_')}")))


def test_files_fixtures_pages_and_rules_name_the_same_slugs() -> None:
    files = {path.stem.replace("_", "-") for path in module_of(ALL_RULES[0]).parent.glob("[!_]*.py")}
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and any(path.glob("*.toml"))}
    pages = {path.stem for path in (ROOT / "docs" / "rules").glob("*.md")} - {"index"}

    assert sorted(SLUGS) == sorted(files) == sorted(folders) == sorted(pages)


@pytest.mark.skipif(not LAB.exists(), reason="an installed package has no lab")
def test_every_rule_has_its_folder_in_the_lab() -> None:
    folders = {path.parent.parent.name for path in LAB.glob("*/*/case.toml")}

    assert sorted(SLUGS) == sorted(folders)


@pytest.mark.parametrize("rule", RULES)
def test_page_has_the_five_sections_in_order(rule: Rule) -> None:
    headings = [line.removeprefix("## ") for line in rule.page.splitlines() if line.startswith("## ")]

    assert headings == SECTIONS


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_fixtures_of_all_three_kinds(rule: Rule) -> None:
    kinds = {path.stem.split("_")[0] for one, path in fixtures() if one is rule}

    assert set(ANSWERS) == kinds


@pytest.mark.parametrize("rule", RULES)
def test_every_constant_has_its_reason(rule: Rule) -> None:
    """A number in capitals is followed by a sentence."""
    body = ast.parse(module_of(rule).read_text(encoding="utf-8")).body
    bare = [
        ast.unparse(node)
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and not _is_text(after)
    ]

    assert bare == []


def _is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@pytest.mark.parametrize("rule", RULES)
def test_any_missing_evidence_makes_a_rule_unsure_not_clear(rule: Rule) -> None:
    lacking = {kind: Missing(f"no {kind.__name__} today") for kind in rule.needs}

    outcome = rule.judge(lacking)

    assert isinstance(outcome, Unsure)
    assert all(kind.__name__ in outcome.why for kind in rule.needs)
