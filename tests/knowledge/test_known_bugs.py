"""Known upstream bugs are joined by installed version and by what the evidence shows."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from spindoctor.knowledge import known_bugs
from spindoctor.model.outcome import Cost, Culprit, Figure, Finding
from spindoctor.rules import ALL_RULES

SLUG = "undeliverable-cancellation"
DONE_TASK = "https://github.com/agronholm/anyio/issues/1111"
TASK_GROUP = "https://github.com/agronholm/anyio/issues/695"


def finding(**figures: str | bool) -> Finding:
    shown = tuple(Figure(name, name, value, "", "hand") for name, value in figures.items())
    return Finding("it spins", "critical", "high", Cost(), Culprit(pid=100), evidence=shown)


DONE = finding(held_task_state="done")
SWALLOWED_BY_TASK_GROUP = finding(held_task_state="pending", swallowed_in_task_group=True)


def urls(found: Finding, packages: dict[str, str], slug: str = SLUG) -> list[str]:
    return [bug.url for bug in known_bugs(slug, found, packages)]


@pytest.mark.parametrize("version", ["3.7.1", "4.3.0", "4.6.2", "4.14.1", "4.14.1.post1"])
def test_versions_with_the_done_task_bug(version: str) -> None:
    assert urls(DONE, {"anyio": version}) == [DONE_TASK]


@pytest.mark.parametrize("version", ["4.14.2rc1", "4.14.2", "4.14.2.post1", "4.15.0", "4.16.0", "5.0.0a1"])
def test_versions_without_the_done_task_bug(version: str) -> None:
    assert urls(DONE, {"anyio": version}) == []


@pytest.mark.parametrize("version", ["4.3.0", "4.5.2", "4.6.2"])
def test_versions_whose_task_group_swallows(version: str) -> None:
    """4.6.2 was yanked: its wheel holds the code of 4.5.2."""
    assert urls(SWALLOWED_BY_TASK_GROUP, {"anyio": version}) == [TASK_GROUP]


@pytest.mark.parametrize("version", ["4.6.0", "4.6.1", "4.6.2.post1", "4.7.0", "4.14.1"])
def test_versions_whose_task_group_does_not_swallow(version: str) -> None:
    assert urls(SWALLOWED_BY_TASK_GROUP, {"anyio": version}) == []


@pytest.mark.parametrize("version", ["", "unknown", "4.x", "4.14.1 (patched)", "../..", "4" * 500 + "!x"])
def test_a_garbled_version_matches_nothing(version: str) -> None:
    assert urls(DONE, {"anyio": version}) == []


def test_a_package_that_is_not_installed_matches_nothing() -> None:
    assert urls(DONE, {}) == []
    assert urls(DONE, {"trio": "0.20.0"}) == []


@pytest.mark.parametrize(
    "found",
    [
        finding(),
        finding(held_task_state="pending"),
        finding(held_task_state="pending", swallowed_in_task_group=False),
        finding(swallowed_in_task_group=True),
    ],
)
def test_a_figure_that_differs_or_was_not_measured_matches_nothing(found: Finding) -> None:
    assert urls(found, {"anyio": "4.5.2"}) == []


def test_another_mechanism_is_another_bug() -> None:
    assert urls(DONE, {"anyio": "4.5.2"}, slug="callback-storm") == []


def test_the_join_says_what_is_installed_and_what_cures() -> None:
    (bug,) = known_bugs(SLUG, DONE, {"anyio": "4.12.1"})

    assert (bug.package, bug.installed, bug.fixed_in) == ("anyio", "4.12.1", "4.14.2")
    assert bug.note


def entries() -> list[dict[str, Any]]:
    text = resources.files("spindoctor.knowledge").joinpath("upstream.toml").read_text(encoding="utf-8")
    table: list[dict[str, Any]] = tomllib.loads(text)["bug"]
    return table


@pytest.mark.parametrize("bug", entries(), ids=lambda bug: str(bug["url"]))
def test_every_entry_is_whole_and_its_cure_is_not_affected(bug: dict[str, Any]) -> None:
    affected = [SpecifierSet(one, prereleases=True) for one in bug["affected"]]

    assert bug.keys() <= {"slug", "package", "affected", "fixed_in", "url", "note", "evidence"}
    assert bug["slug"] in {rule.slug for rule in ALL_RULES}
    assert bug["url"].startswith("https://")
    assert not any(bug["fixed_in"] in one for one in affected)
