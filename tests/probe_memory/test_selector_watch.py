"""How often selector calls are read, with calls that are given by hand."""

from __future__ import annotations

from typing import Any, cast

import pytest

from spindoctor.model.watching import Poll
from spindoctor.probe import selectors
from spindoctor.probe.selectors import ENOUGH_ANSWERS, SelectorWatch

TID = 7
STEP_S = 0.01
LOOKS = 100


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


def made(poll: Poll | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of a hundred looks, 10 ms apart, read the call."""
    monkeypatch.setattr(selectors, "PollReader", lambda _: Given(poll))
    monkeypatch.setattr(selectors, "PulseWatch", lambda _: Given(poll))
    monkeypatch.setattr(selectors.time, "thread_time", lambda: 0.0)
    watch = SelectorWatch(cast("Any", type("Target", (), {"pid": 1})))
    for number in range(LOOKS):
        watch.follow(number * STEP_S, {TID: ()})
    return len(watch.looks)


def test_a_call_that_waits_is_read_at_every_look_while_no_answer_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made(Poll(5.0), monkeypatch) == LOOKS


@pytest.mark.parametrize("poll", [None, Poll(0.0), Poll(None)], ids=["no call", "told not to wait", "not readable"])
def test_others_are_read_at_every_second_look(poll: Poll | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made(poll, monkeypatch) == LOOKS / 2


def test_when_enough_answers_were_seen_every_second_look_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ENOUGH_ANSWERS - 1

    assert made(Poll(5.0, ((5, 4),)), monkeypatch) == first + (LOOKS - first) // 2 + (LOOKS - first) % 2
