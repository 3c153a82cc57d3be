"""Short slices are asked for while we look, and given back; where the kernel knows none, nothing happens."""

from __future__ import annotations

import os
import threading

import pytest

from spindoctor.probe import slices
from spindoctor.probe.slices import SHORTEST_NS, ask_for_slice, read_slice
from spindoctor.probe.vantage import Vantage


def in_a_thread(steps: list[object]) -> None:
    """What a thread asks for holds for it alone: the tests' own thread stays as it is."""

    def run() -> None:
        before = read_slice()
        vantage = Vantage()
        vantage.hurry()
        during = read_slice()
        vantage.leave()
        steps.extend((before, during, read_slice(), os.sched_getscheduler(0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_a_look_asks_for_short_slices_and_gives_them_back() -> None:
    steps: list[object] = []

    in_a_thread(steps)

    before, during, after, policy = steps
    assert policy == os.SCHED_OTHER
    assert during in {before, SHORTEST_NS}  # a kernel before 6.12 keeps the usual length
    assert after == before


def test_an_unknown_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "NUMBERS", {})

    assert read_slice() is None
    assert not ask_for_slice(SHORTEST_NS)
