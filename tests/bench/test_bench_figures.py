"""Medians, spreads and paired ratios of the benchmark, by hand."""

from __future__ import annotations

import math

import pytest
from figures import Spread, paired, ratio, spread


def test_a_spread_leaves_out_what_was_not_measured() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert spread([None]) is None


def test_a_spread_is_told_by_the_middle_with_both_ends_behind_it() -> None:
    assert Spread(2.0, 1.0, 3.0, 3).told("{:.1f}") == "2.0 (1.0-3.0)"
    assert Spread(2.0, 1.99, 2.01, 3).told("{:.1f}") == "2.0"


def test_paired_ratios_have_a_geometric_mean_and_students_interval() -> None:
    """ln: -0.1, 0, 0.1; their deviation 0.1, so the reach is 4.30 * 0.1 / sqrt(3) = 0.248."""
    told = paired([math.exp(-0.1), 1.0, math.exp(0.1)])

    assert told is not None
    assert told.mean == pytest.approx(1.0)
    assert (math.log(told.low), math.log(told.high)) == pytest.approx((-0.2483, 0.2483), abs=1e-4)
    assert told.holds_one


def test_a_loss_that_all_pairs_show_alike_is_none_of_the_noise() -> None:
    told = paired([0.90, 0.91, 0.89, 0.90])

    assert told is not None
    assert not told.holds_one


def test_two_pairs_are_too_few_for_an_interval() -> None:
    assert paired([0.9, None, 1.1]) is None


def test_a_ratio_needs_both_sides() -> None:
    assert ratio(Spread(1.0, 1.0, 1.0, 1), Spread(4.0, 4.0, 4.0, 1)) == 0.25
    assert ratio(None, Spread(4.0, 4.0, 4.0, 1)) is None
