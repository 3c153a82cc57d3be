"""Reasons of missed looks are counted by kind: without addresses, and whole sentences all the same."""

from __future__ import annotations

import pytest

from spindoctor.errors import Misread
from spindoctor.probe.waits import reason


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ("memory at 0x7f00 or after cannot be read", "memory cannot be read"),
        ("an address outside of memory: 0xff", "an address outside of memory"),
        ("a stack of thread 0x7f00 without end", "a stack without end"),
        ("0x7f00", "a torn read"),
    ],
)
def test_an_address_goes_with_the_words_around_it(told: str, counted: str) -> None:
    assert reason(Misread(told)) == counted
