"""The page of verdicts: what the looks at the lab's services found, right and wrong, from the looks alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Look = dict[str, Any]

HEAD = """# Verdicts

Made by `make lab` (`lab/matrix.py`): all rules on the services of the lab, each sick and cured, one look of three
seconds at a time. A first verdict is the mechanism that ranks first; a place is right when the finding blames a line
that is marked in the case's source (or, where that line is gone from memory, offers it). A false alarm is a finding,
more than information, on a cured or healthy service, unless its case says that it is true of it as well. Every look
counts, also where a test made another.
"""


def page(looks: Sequence[Look]) -> str:
    """The page as Markdown."""
    sick = [look for look in looks if look["which"] == "sick"]
    healthy = [look for look in looks if look["which"] != "sick"]
    parts = [HEAD, _totals(sick, healthy), _by_mechanism(sick), _by_python(sick, healthy), _misses(looks)]
    return "\n".join(parts)


def _totals(sick: Sequence[Look], healthy: Sequence[Look]) -> str:
    placed = [look for look in sick if look["place"] is not None]
    in_peace = sum(not look["wrong"] for look in healthy)
    rows = [
        ("first verdict right", _right(sick), len(sick)),
        ("culprit's line right", sum(look["place"] for look in placed), len(placed)),
        ("looks at cured and healthy services without a finding", in_peace, len(healthy)),
    ]
    return _table(("", "looks", "share"), ((name, f"{count} of {of}", _percent(count, of)) for name, count, of in rows))


def _by_mechanism(sick: Sequence[Look]) -> str:
    rows = []
    for slug in sorted({look["expected"] for look in sick}):
        mine = [look for look in sick if look["expected"] == slug]
        others = Counter(str(look["first"]) for look in mine if look["first"] != slug)
        placed = [look for look in mine if look["place"] is not None]
        rows.append(
            (
                f"`{slug}`",
                f"{_right(mine)} of {len(mine)}",
                f"{sum(look['place'] for look in placed)} of {len(placed)}",
                ", ".join(f"{name} ({count})" for name, count in others.most_common()),
            )
        )
    return "## By mechanism\n\n" + _table(("the service has", "found first", "line right", "found instead"), rows)


def _by_python(sick: Sequence[Look], healthy: Sequence[Look]) -> str:
    rows = []
    for version in sorted({look["python"] for look in (*sick, *healthy)}, key=lambda one: int(one.split(".")[1])):
        ill = [look for look in sick if look["python"] == version]
        well = [look for look in healthy if look["python"] == version]
        alarms = sum(bool(look["wrong"]) for look in well)
        rows.append((version, f"{_right(ill)} of {len(ill)}", f"{alarms} of {len(well)}"))
    return "## By Python\n\n" + _table(("Python", "found first", "false alarms"), rows)


def _misses(looks: Sequence[Look]) -> str:
    wrong = [look for look in looks if look["wrong"]]
    lines = [f"- {look['trial']}{', background load' if look['background'] else ''}: {look['wrong']}" for look in wrong]
    return "## What was wrong\n\n" + ("\n".join(lines) if lines else "Nothing.") + "\n"


def _right(looks: Iterable[Look]) -> int:
    return sum(look["first"] == look["expected"] for look in looks)


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "-"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
