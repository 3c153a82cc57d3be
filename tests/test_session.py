"""The library's front door."""

from __future__ import annotations

import os

import pytest

from spindoctor import look


@pytest.mark.parametrize(("seconds", "rate_hz"), [(-1.0, 100.0), (0.0, 100.0), (3.0, 0.0), (float("nan"), 100.0)])
def test_a_look_that_takes_no_time_is_refused(seconds: float, rate_hz: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        look(os.getpid(), seconds=seconds, rate_hz=rate_hz)
