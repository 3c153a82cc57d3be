"""Reads the rules' fixtures: facts in TOML, and what is expected of the answer.

A table is named after the kind of fact (`[[Loops.loops]]`). `"29 of 300"` is a share, `"unreadable"` is None, and
`missing = "why"` is a fact that could not be had. A loop's fields that a fixture leaves out are those of a loop that
sleeps. `[Others]` says what the other rules answered: `clear` and `unsure` list slugs, `signs` maps to what was seen,
`found` maps to severity, `blamed` to the culprit, and `waiting` to how many callers wait; without it they found nothing
to say.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from spindoctor.model import burning, collector, cpu, facts, retrying, settings, spinning, surroundings, waiting
from spindoctor.model.outcome import Clear, Cost, Culprit, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Missing, Rule
from spindoctor.rules import ALL_RULES

HERE = Path(__file__).resolve().parent
ANSWERS = {"fires": Found, "quiet": Clear, "unsure": Unsure}
SHARE = re.compile(r"(\d+) of (\d+)")

KINDS: dict[str, type] = {
    name: kind
    for module in (facts, cpu, burning, collector, waiting, surroundings, settings, spinning, retrying)
    for name, kind in vars(module).items()
}
"""Kinds of facts by name."""

NO_LOOK = "0 of 300"
SLEEPING_LOOP: dict[str, Any] = {
    "pid": 100,
    "tid": 100,
    "thread": "MainThread",
    "loop_type": "_UnixSelectorEventLoop",
    "seconds": 3.0,
    "cpu_s": 0.01,
    "system_s": 0.0,
    "sleeps_per_s": 4.0,
    "queue_wait_s": 0.0,
    "looks": 300,
    "idle": "300 of 300",
    **dict.fromkeys(
        ("spinning", "computing", "held", "waiting", "gil", "zero_polls", "ready", "one_callback"), NO_LOOK
    ),
    "one_callback_s": 0.0,
    "turns": 12,
    "overdue_s": 0.0,
}
"""Three seconds of 100 looks at a loop with a few timers."""


@dataclass(frozen=True)
class Expected:
    """What a fixture says about the first finding (or, with `why`, about the reason of the other answers).

    `also` are the functions of the further culprits, `without` names of figures that it must not have;
    `cost` is what it costs, to two digits behind the point.
    """

    severity: str | None = None
    confidence: str | None = None
    culprit: dict[str, Any] = field(default_factory=dict)
    others: int | None = None
    claim: tuple[str, ...] = ()
    now: tuple[str, ...] | None = None
    also: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    upstream: tuple[str, ...] = ()
    candidates: int = 0
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One fixture."""

    why: str
    facts: dict[type, Any]
    packages: dict[str, str]
    expected: Expected


def fixtures() -> list[tuple[Rule, Path]]:
    """Every rule with every fixture in its folder."""
    return [(rule, path) for rule in ALL_RULES for path in sorted((HERE / rule.slug).glob("*.toml"))]


def load_case(path: Path) -> Case:
    """The fixture in a file."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    why, packages, expected = table.pop("why"), table.pop("packages", {}), table.pop("expect", {})
    told = {facts.Others: facts.Others({})} | {KINDS[kind]: _fact(kind, value) for kind, value in table.items()}
    return Case(why, told, packages, msgspec.convert(expected, Expected))


def _fact(kind: str, value: dict[str, Any]) -> object:
    if "missing" in value:
        return Missing(value["missing"])
    if kind == "Others":
        return facts.Others(_outcomes(value))
    if kind == "Loops":
        value = {**value, "loops": [{**SLEEPING_LOOP, **loop} for loop in value["loops"]]}
    return msgspec.convert(_spelled_out(value), KINDS[kind])


def _outcomes(value: dict[str, Any]) -> dict[str, Outcome]:
    clear: dict[str, Outcome] = {slug: Clear("looked at") for slug in value.get("clear", [])}
    unsure: dict[str, Outcome] = {slug: Unsure("not looked at") for slug in value.get("unsure", [])}
    unsure |= {slug: Unsure(why, is_sign=True) for slug, why in value.get("signs", {}).items()}
    found: dict[str, Outcome] = {
        slug: Found((_finding(value, slug, severity),)) for slug, severity in value.get("found", {}).items()
    }
    return found | unsure | clear


def _finding(others: dict[str, Any], slug: str, severity: Severity) -> Finding:
    cost = Cost(waiting=others.get("waiting", {}).get(slug, 0))
    return Finding("it is so", severity, "high", cost, Culprit(**others.get("blamed", {}).get(slug, {})))


def _spelled_out(value: object) -> object:
    if isinstance(value, dict):
        return {name: _spelled_out(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_spelled_out(one) for one in value]
    if isinstance(value, str) and (share := SHARE.fullmatch(value)):
        return {"count": int(share[1]), "of": int(share[2])}
    return None if value == "unreadable" else value
