"""What the kernel counted stands among the evidence of the rules that sample the shape of system calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rule_cases import fixtures, load_case

from spindoctor.model.burning import BusyThreads
from spindoctor.model.calls import CallCounts
from spindoctor.model.facts import Loops
from spindoctor.model.outcome import Found
from spindoctor.model.spinning import Spins
from spindoctor.model.traced import traced_figures

COUNTS = CallCounts(100, 0.5, (("epoll_wait", 51_000), ("recvfrom", 2)), sleeps=3)


def told(counts: CallCounts | None) -> list[tuple[str, str, Any]]:
    return [(one.id, one.claim, one.value) for one in traced_figures(counts)]


def test_counts_are_told_by_the_second_with_the_sleeps_beside_them() -> None:
    assert told(COUNTS) == [
        ("traced", "system calls a second, counted in 0.5 s", "epoll_wait 102,000, recvfrom 4"),
        ("traced_sleeps", "sleeps a second in 0.5 s", 6),
    ]


def test_a_thread_without_any_call_is_told_so() -> None:
    assert [value for _, _, value in told(CallCounts(100, 0.5, (), sleeps=0))] == ["none", 0]


def test_the_first_four_kinds_are_told_and_that_others_were_not_kept() -> None:
    calls = tuple((f"call_{n}", 10 - n) for n in range(6))

    values = told(CallCounts(100, 1.0, calls, sleeps=0, is_whole=False))

    assert values[0][2] == "call_0 10, call_1 9, call_2 8, call_3 7 and others that were not kept"


def test_what_failed_is_told_with_its_error() -> None:
    failing = replace(COUNTS, failures=(("connect", "ECONNREFUSED", 400), ("recvfrom", "EAGAIN", 1)))

    (_, _, failed) = told(failing)

    assert failed == (
        "traced_failures",
        "of these failed a second in 0.5 s",
        "connect ECONNREFUSED 800, recvfrom EAGAIN 2",
    )


def test_where_nobody_counted_there_is_no_figure() -> None:
    assert told(None) == []
    assert told(replace(COUNTS, seconds=0.0)) == []


@pytest.mark.parametrize(
    ("slug", "kind", "members"),
    [
        ("selector-spin", Spins, "threads"),
        ("accept-storm", Spins, "threads"),
        ("polling-thread", BusyThreads, "threads"),
        ("callback-storm", Loops, "loops"),
    ],
)
def test_rules_about_system_calls_show_them(slug: str, kind: type, members: str) -> None:
    rule, path = next((rule, path) for rule, path in fixtures() if rule.slug == slug and path.stem.startswith("fires"))
    facts = dict(load_case(path).facts)
    counted = tuple(replace(one, traced=COUNTS) for one in getattr(facts[kind], members))
    facts[kind] = replace(facts[kind], **{members: counted})

    outcome = rule.judge(facts)

    assert isinstance(outcome, Found)
    assert "traced" in {figure.id for figure in outcome.findings[0].evidence}
