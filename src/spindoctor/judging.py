"""Evidence and rules to ranked outcomes; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from spindoctor.knowledge import known_bugs
from spindoctor.model.facts import Others
from spindoctor.model.outcome import Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""Worst first."""

MOST_COUNTED = 10
"""Ten callers or ten seconds late count as much as half a core: more is not worse by another order."""

Packages = dict[int, dict[str, str]]
"""Installed distributions (normalised name to version) by pid."""


def judge(facts: dict[type, Any], rules: Iterable[Rule], packages: Packages) -> dict[str, Outcome]:
    """Each rule's answer, in the rules' order; a rule may ask for the answers before its own (`Others`)."""
    outcomes: dict[str, Outcome] = {}
    for rule in rules:
        answer = rule.judge({**facts, Others: Others(dict(outcomes))})
        outcomes[rule.slug] = _with_upstream(rule.slug, answer, packages)
    return outcomes


def withdraw(outcomes: dict[str, Outcome], why: str) -> dict[str, Outcome]:
    """The same without an answer: nothing could have shown, and what stands still by force looks like what hangs."""
    return {slug: one if isinstance(one, Unsure) else Unsure(why) for slug, one in outcomes.items()}


def rank(outcomes: dict[str, Outcome], rules: Iterable[Rule] = ()) -> tuple[str, ...]:
    """The slugs that were found, what costs most first; information last.

    A mechanism that explains others comes before them, where it accounts for at least half of their CPU, or speaks of
    the same task, or of the same line where that is asked for.
    """
    found = {slug: outcome.findings for slug, outcome in outcomes.items() if isinstance(outcome, Found)}
    order = sorted(found, key=lambda slug: min(_weight(finding) for finding in found[slug]))
    for rule in rules:
        follow = [slug for slug in rule.explains if slug in found and rule.slug in found]
        explained = [order.index(slug) for slug in follow if _explains(found[rule.slug], found[slug])]
        there = [slug for slug in rule.explains_there if slug in found and rule.slug in found]
        explained += [order.index(slug) for slug in there if _is_there(found[rule.slug], found[slug])]
        if explained and min(explained) < order.index(rule.slug):
            order.remove(rule.slug)
            order.insert(min(explained), rule.slug)
    return tuple(order)


def _explains(special: tuple[Finding, ...], general: tuple[Finding, ...]) -> bool:
    """Whether a finding is the cause of another in the same process, and not merely there too."""
    return any(
        one.culprit.pid == other.culprit.pid
        and (one.cost.cores >= other.cost.cores / 2 or _same_task(one, other))
        and (one.severity != "info" or other.severity == "info")
        for one in special
        for other in general
    )


def _is_there(special: tuple[Finding, ...], general: tuple[Finding, ...]) -> bool:
    """Whether a fault that was found stands at the very line that another one blames, in whichever worker."""
    places = {
        (place.file, place.line)
        for one in special
        if one.severity != "info"
        for place in (one.culprit, *one.culprits)
        if place.line
    }
    return any((one.culprit.file, one.culprit.line) in places for one in general)


def _same_task(one: Finding, other: Finding) -> bool:
    """The share of the loop's CPU that each ascribes to a task is measured in other ways: the task says more."""
    return one.culprit.task is not None and one.culprit.task == other.culprit.task


def _weight(finding: Finding) -> tuple[int, float]:
    cost = finding.cost
    late = 1.0 if cost.never_ends else min(cost.delay_s, MOST_COUNTED) / MOST_COUNTED
    queue = min(cost.waiting, MOST_COUNTED) / MOST_COUNTED + late
    return SEVERITIES.index(finding.severity), -(cost.cores + cost.loop_share + cost.time_share + queue / 2)


def _with_upstream(slug: str, outcome: Outcome, packages: Packages) -> Outcome:
    if not isinstance(outcome, Found):
        return outcome
    joined = [
        replace(one, upstream=known_bugs(slug, one, packages.get(one.culprit.pid or 0, {}))) for one in outcome.findings
    ]
    return Found(tuple(joined))
