"""Where our own thread runs: it moves only where the hot thread has moved, and is put back at the end."""

from __future__ import annotations

import os
import time

import pytest
from kernel_victims import own_descriptors

from spindoctor.probe.identity import LastCpu
from spindoctor.probe.vantage import A_MOMENT_S, APART_S, Vantage

NOBODY = 1 << 22  # beyond the largest id that Linux gives (pid_max)


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The sets of CPUs that were asked for, in order; our thread may use 0 to 3."""
    asked: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: asked.append(set(cpus)))
    return asked


def test_who_shares_a_cpu_already_asks_for_nothing(moves: list[set[int]]) -> None:
    vantage = Vantage()

    for cpu in (1, 1, 1, 2, 2):
        vantage.follow(cpu)

    assert moves == [{1}, {2}]


def test_who_runs_anywhere_already_asks_for_nothing(moves: list[set[int]]) -> None:
    vantage = Vantage()

    vantage.follow(None)
    vantage.follow(7)  # none of ours
    assert moves == []

    vantage.follow(3)
    vantage.follow(None)
    vantage.roam()
    assert moves == [{3}, {0, 1, 2, 3}]


def test_after_it_has_run_anywhere_the_same_cpu_is_shared_again(moves: list[set[int]]) -> None:
    vantage = Vantage()

    vantage.follow(1)
    vantage.roam()
    vantage.follow(1)

    assert moves == [{1}, {0, 1, 2, 3}, {1}]


@pytest.mark.parametrize(("stalls", "shares"), [([0.06], True), ([0.06, 0.06], False), ([0.03] * 9, True)])
def test_a_cpu_that_we_wait_for_as_long_as_for_five_looks_twice_is_left(
    moves: list[set[int]], monkeypatch: pytest.MonkeyPatch, stalls: list[float], *, shares: bool
) -> None:
    """Whether that was on the way to it or after a sleep; once may be the machine's hiccup."""
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    vantage = Vantage()
    vantage.follow(1)
    for late in stalls:

        def sleep(seconds: float, late: float = late) -> None:
            now_s[0] += seconds + late

        monkeypatch.setattr(time, "sleep", sleep)
        vantage.sleep_until(now_s[0] + 0.01)
    left = len(moves)
    vantage.follow(2)

    assert moves[1:] == ([{2}] if shares else [{0, 1, 2, 3}])
    assert left == (1 if shares else 2)  # at once, and not when it follows the next time


def test_two_waits_long_apart_are_two_hiccups(moves: list[set[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    vantage = Vantage()
    vantage.follow(1)
    for late in (0.06, 0.0, 0.06):

        def sleep(seconds: float, late: float = late) -> None:
            now_s[0] += seconds + late

        monkeypatch.setattr(time, "sleep", sleep)
        vantage.sleep_until(now_s[0] + 0.01)
        vantage.note(20, 0)
        vantage.follow(1)

    assert moves == [{1}]


def test_what_is_due_already_is_not_waited_for(moves: list[set[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """We are late by our own work, and not by others'."""
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(time, "sleep", now_s.append)
    vantage = Vantage()
    vantage.follow(1)
    for _ in range(3):
        vantage.sleep_until(99.0)
    vantage.follow(2)

    assert (moves, now_s[1:]) == ([{1}, {2}], [0.0, 0.0, 0.0])


def test_who_looks_again_waits_a_moment_where_he_has_come_to(
    moves: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    now_s = iter((0.0, 0.0, 0.0, 0.0, APART_S / 2, 1.0, 2.0))
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr(time, "monotonic", lambda: next(now_s))
    vantage = Vantage()

    came = [vantage.approach(cpu) for cpu in (2, 2, None, 3, 7)]

    assert came == [True, False, False, False, False]  # there already, nowhere, too soon, none of ours
    assert naps == [A_MOMENT_S]
    assert moves == [{2}, {0, 1, 2, 3}]


def test_the_cpu_of_a_thread_is_read_from_one_file_that_stays_open() -> None:
    last = LastCpu(os.getpid())
    tid = os.getpid()
    last.read(tid)
    kept = own_descriptors()

    cpus = {last.read(tid) for _ in range(20)}

    assert cpus <= set(range(os.cpu_count() or 1))
    assert own_descriptors() == kept
    last.close()
    assert own_descriptors() == kept - 1


def test_a_thread_that_is_gone_has_no_cpu() -> None:
    last = LastCpu(os.getpid())

    assert last.read(NOBODY) is None
    assert last.read(os.getpid()) is not None
    assert last.read(NOBODY) is None
    last.close()
