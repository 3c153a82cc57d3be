"""Who is asked whether he has run, and that nothing is forgotten when a look fails."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from spindoctor.probe import runners
from spindoctor.probe.runners import AWAKE_LOOKS, FIRST_LOOKS, SWEEP_S, Runners

MAIN, SLEEPER = 10, 11


class FakeClock:
    """Counters of two threads; `asked` are the ids of each question."""

    def __init__(self, pid: int) -> None:
        del pid
        self.clocks = {MAIN: (100, 1), SLEEPER: (50, 1)}
        self.asked: list[list[int]] = []

    def look(self) -> dict[int, tuple[int, int]]:
        return self.look_at(self.clocks)

    def look_at(self, tids: Iterable[int]) -> dict[int, tuple[int, int]]:
        self.asked.append(list(tids))
        return {tid: self.clocks[tid] for tid in self.asked[-1] if tid in self.clocks}

    def run(self, tid: int, ran_ns: int) -> None:
        used, slices = self.clocks[tid]
        self.clocks[tid] = (used + ran_ns, slices + 1)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[Runners, FakeClock]:
    """Threads of which only the main one has been awake for a while; all clocks stand still but for our asking."""
    monkeypatch.setattr(runners, "ThreadClock", FakeClock)
    monkeypatch.setattr(runners.time, "perf_counter", lambda: 0.0)
    found = Runners(1)
    clock = found._clock
    assert isinstance(clock, FakeClock)
    for number in range(AWAKE_LOOKS + 20):
        clock.run(MAIN, 5)
        found.look(number / 100)
        found.look_further(number / 100, 7)
        found.settle()
    clock.asked.clear()
    return found, clock


NOW_S = (AWAKE_LOOKS + 20) / 100


def test_a_sleeping_thread_is_not_asked(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    found._due_s = NOW_S + SWEEP_S
    clock.run(MAIN, 5)

    ran = found.look(NOW_S)

    assert ran == {MAIN: 5}
    assert clock.asked == [[MAIN]]


def test_the_last_to_have_the_gil_is_asked_however_long_it_sleeps(watched: tuple[Runners, FakeClock]) -> None:
    """It wakes, runs and sleeps again without a change of hand."""
    found, clock = watched
    found._due_s = NOW_S + SWEEP_S
    found.always = frozenset({SLEEPER})
    clock.run(SLEEPER, 3)

    ran = found.look(NOW_S)

    assert ran == {SLEEPER: 3}
    assert found.look_further(NOW_S, 7) == {}


def test_all_are_asked_when_the_gil_has_changed_hands(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    found._due_s = NOW_S + SWEEP_S
    clock.run(SLEEPER, 3)
    found.look(NOW_S)

    further = found.look_further(NOW_S, 8)

    assert further == {SLEEPER: 3}


def test_a_thread_that_runs_without_the_gil_is_noticed_in_time(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    clock.run(SLEEPER, 3)

    ran = found.look(NOW_S + SWEEP_S)

    assert ran == {SLEEPER: 3}


def test_after_a_failed_look_its_threads_are_named_again(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    found._due_s = NOW_S + SWEEP_S
    clock.run(MAIN, 5)
    found.look(NOW_S)

    ran = found.look(NOW_S)

    assert ran == {MAIN: 5}


def test_a_thread_that_has_ended_is_named(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    del clock.clocks[SLEEPER]

    found.look(NOW_S + SWEEP_S)

    assert found.ended == {SLEEPER}


def test_who_is_there_at_the_beginning_and_sleeps_is_asked_for_a_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two sweeps; a thousand threads that wait would each be asked at every look."""
    monkeypatch.setattr(runners, "ThreadClock", FakeClock)
    found = Runners(1)
    clock = found._clock
    assert isinstance(clock, FakeClock)

    for number in range(AWAKE_LOOKS):
        found.look(number / 100)
        found._due_s = 10.0
        clock.run(MAIN, 5)

    asked = [SLEEPER in tids for tids in clock.asked]
    assert asked == [True] * (1 + FIRST_LOOKS) + [False] * (AWAKE_LOOKS - 1 - FIRST_LOOKS)


def test_a_thread_that_ended_is_named_until_a_look_succeeds(watched: tuple[Runners, FakeClock]) -> None:
    """The first look fails, so nobody has heard of it; the second sweep does not find the thread any more."""
    found, clock = watched
    del clock.clocks[SLEEPER]
    found._due_s = NOW_S
    found.look(NOW_S)
    found._due_s = NOW_S
    found.look(NOW_S + 0.01)

    before = found.ended
    found.settle()

    assert (before, found.ended) == ({SLEEPER}, frozenset())


def test_an_id_that_is_used_again_has_not_ended(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    kept = clock.clocks.pop(SLEEPER)
    found._due_s = NOW_S
    found.look(NOW_S)
    clock.clocks[SLEEPER] = kept
    found._due_s = NOW_S

    ran = found.look(NOW_S + 0.01)

    assert (found.ended, ran[SLEEPER]) == (frozenset(), 0)


def test_a_thread_that_no_sweep_has_seen_ends_all_the_same(watched: tuple[Runners, FakeClock]) -> None:
    """It was found by its stack after the sweep, and has ended before the next one."""
    found, _ = watched
    found.adopt((12,))
    found._due_s = NOW_S

    found.look(NOW_S)

    assert found.ended == {12}


def test_a_thread_that_was_adopted_has_run_since_its_beginning(watched: tuple[Runners, FakeClock]) -> None:
    found, clock = watched
    clock.clocks[12] = (70, 1)
    found.adopt((12,))
    found._due_s = NOW_S

    assert found.look(NOW_S)[12] == 70
