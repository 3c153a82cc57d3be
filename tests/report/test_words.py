"""Figures in words, worked out by hand."""

from __future__ import annotations

import pytest

from spindoctor.model.counting import count
from spindoctor.report import words


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.996, "share", "> 99 %"),
        (0.99, "share", "99 %"),
        (1.0, "share", "100 %"),
        (0.0, "share", "0 %"),
        (0.001, "share", "< 1 %"),
        (0.145, "share", "14 %"),
        (181_000, "", "181,000"),
        (12.345, "s", "12.35 s"),
        (12.0, "s", "12 s"),
        (0.0123, "s", "0.012 s"),
        (True, "", "yes"),
        (False, "share", "no share"),
        ("epoll_wait", "", "epoll_wait"),
        (1234567.5, "bytes", "1,234,567.50 bytes"),
    ],
)
def test_a_figure_in_words(value: float | str, unit: str, said: str) -> None:
    assert words.figure(value, unit) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0004, "0 ms"),
        (0.012, "12 ms"),
        (3.0, "3.0 s"),
        (59.94, "59.9 s"),
        (125, "2 min 5 s"),
        (3600 * 3 + 1200, "3 h 20 min"),
        (86400 * 2 + 3600 * 4, "2 d 4 h"),
        (float("nan"), "unknown time"),
    ],
)
def test_a_duration_in_words(value: float, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(("value", "said"), [(1.0, "1.00 core"), (0.999, "1.00 core"), (1.01, "1.01 cores")])
def test_cores_in_words(value: float, said: str) -> None:
    assert words.cores(value) == said


def test_a_count_agrees_with_its_noun() -> None:
    assert [count(many, "look") for many in (0, 1, 1200)] == ["0 looks", "1 look", "1,200 looks"]


def test_a_text_on_one_line_has_no_control_characters() -> None:
    assert words.sentence(" a\n b\x1b[1m\udcff ") == "a b\\x1b[1m\\udcff"


@pytest.mark.parametrize(
    ("value", "said"), [(0, "1970-01-01 00:00:00 UTC"), (1e300, ""), (float("nan"), ""), (float("inf"), "")]
)
def test_a_moment_in_words(value: float, said: str) -> None:
    assert words.moment(value) == said
