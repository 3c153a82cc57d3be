"""Looks come at the rate that was asked for, but at no beat that a target could keep as well."""

from __future__ import annotations

import pytest

from spindoctor.probe.vantage import moment


def test_each_look_is_made_in_its_own_step() -> None:
    assert [int(moment(number)) for number in range(1000)] == list(range(1000))


def test_two_looks_are_never_near_each_other() -> None:
    gaps = [moment(number + 1) - moment(number) for number in range(1000)]

    assert min(gaps) > 0.6
    assert max(gaps) < 1.7


@pytest.mark.parametrize("period", [1.0, 0.5, 0.25, 0.23, 2.0, 0.1])
def test_what_recurs_is_met_in_all_its_parts_alike(period: float) -> None:
    """Of a period's first three tenths 300 looks meet three tenths; by chance alone, 8 more or less were no wonder."""
    met = sum(moment(number) % period < 0.3 * period for number in range(300))

    assert met == pytest.approx(90, abs=8)
