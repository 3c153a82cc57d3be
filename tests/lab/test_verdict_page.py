"""The page of verdicts counts what was looked at, right and wrong."""

from __future__ import annotations

from typing import Any

from verdict_page import page


def look(which: str, first: str | None, *, place: bool | None = None, wrong: str = "") -> dict[str, Any]:
    expected = "callback-storm" if which == "sick" else None
    return {
        "trial": f"callback-storm/a-{which}-3.12", "which": which, "python": "3.12", "expected": expected,
        "first": first, "place": place, "wrong": wrong, "background": False,
    }  # fmt: skip


def test_right_wrong_and_false_alarms_are_counted() -> None:
    looks = [
        look("sick", "callback-storm", place=True),
        look("sick", "hot-thread", place=False, wrong="first verdict hot-thread"),
        look("cured", None),
        look("cured", "deadlock", wrong="false alarm deadlock"),
    ]

    told = page(looks)

    assert "| first verdict right | 1 of 2 | 50.0 % |" in told
    assert "| looks at cured and healthy services without a finding | 1 of 2 | 50.0 % |" in told
    assert "| `callback-storm` | 1 of 2 | 1 of 2 | hot-thread (1) |" in told
    assert "| 3.12 | 1 of 2 | 1 of 2 |" in told
    assert "- callback-storm/a-cured-3.12: false alarm deadlock" in told


def test_without_a_miss_that_is_said() -> None:
    assert page([look("sick", "callback-storm")]).endswith("Nothing.\n")
