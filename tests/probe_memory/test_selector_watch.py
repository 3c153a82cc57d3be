"""Which thread is better read from its own CPU, with calls of selectors that are given by hand."""

from __future__ import annotations

from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.model.frames import Frame
from spindoctor.model.watching import Poll
from spindoctor.probe import selectors
from spindoctor.probe.selectors import APART_S, ENOUGH_ANSWERS, MOST_CLOSER, SelectorWatch

TID = 7
IN_SELECT = (RawFrame(Frame("EpollSelector.select", "/usr/lib/python3.12/selectors.py", 469), 1, 1, 0, 0),)
ELSEWHERE = (RawFrame(Frame("serve", "/srv/app.py", 3), 1, 1, 0, 0),)
NO_ANSWER = Poll(5.0)
ANSWER = Poll(5.0, ((5, 4),))


class Given:
    """Gives the same call at every reading, and no descriptor to follow."""

    def __init__(self, poll: Poll | None) -> None:
        self.poll = poll

    def read(self, *_: object) -> Poll | None:
        return self.poll

    def note(self, *_: object) -> None:
        pass

    def follow(self, *_: object) -> tuple[int, ...]:
        return ()


def asked_for(poll: Poll, stack: tuple[RawFrame, ...], looks: int, monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Whom each of so many looks would read from nearer, made as far apart as calls are read."""
    monkeypatch.setattr(selectors, "PollReader", lambda _: Given(poll))
    monkeypatch.setattr(selectors, "PulseWatch", lambda _: Given(poll))
    monkeypatch.setattr(selectors.time, "thread_time", lambda: 0.0)
    watch = SelectorWatch(cast("Any", type("Target", (), {"pid": 1})))
    found = []
    for number in range(looks):
        found.append(watch.unclear(number * APART_S * 2, {TID: stack}))
        watch.follow(number * APART_S * 2, {TID: stack})
    return found


def test_a_thread_within_a_selector_is_read_from_nearer_until_it_has_shown_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = asked_for(ANSWER, IN_SELECT, ENOUGH_ANSWERS + 5, monkeypatch)

    assert found == [TID] * ENOUGH_ANSWERS + [None] * 5


def test_one_that_never_shows_an_answer_is_left_alone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked_for(NO_ANSWER, IN_SELECT, MOST_CLOSER + 5, monkeypatch)

    assert found == [TID] * MOST_CLOSER + [None] * 5


def test_one_that_is_elsewhere_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_for(ANSWER, ELSEWHERE, 3, monkeypatch) == [None] * 3


def test_between_two_readings_of_a_call_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PollReader", lambda _: Given(NO_ANSWER))
    monkeypatch.setattr(selectors, "PulseWatch", lambda _: Given(NO_ANSWER))
    watch = SelectorWatch(cast("Any", type("Target", (), {"pid": 1})))
    watch.follow(0.0, {TID: IN_SELECT})

    assert watch.unclear(APART_S / 2, {TID: IN_SELECT}) is None
