"""Which looks met the thread of a loop between two callbacks, and which thread is to be read from nearer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.model.frames import Frame
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.probe.hot import HotWatch, TurnsSeen

LIBRARY = "/usr/lib/python3.12/asyncio/base_events.py"


def frames(*files: str, is_complete: bool = True) -> RawStack:
    read = (RawFrame(Frame("f", file, 1), address=0, code=0, instruction=0, owner=0) for file in files)
    return RawStack(tuple(read), is_complete=is_complete)


TURNS = frames(LIBRARY, LIBRARY, "/srv/app.py")
WORKS = frames(LIBRARY, "/srv/app.py", LIBRARY, "/srv/app.py")


def test_a_loop_that_turns_is_told_once_other_looks_have_shown_more() -> None:
    seen = TurnsSeen()

    assert [seen.only(7, one) for one in (TURNS, WORKS, TURNS, WORKS)] == [False, False, True, False]


def test_a_thread_that_always_looks_alike_is_never_waited_for() -> None:
    """One callback that never ends shows the same in each look."""
    seen = TurnsSeen()

    assert not any(seen.only(7, WORKS) for _ in range(5))


def test_each_thread_is_told_by_its_own_looks() -> None:
    seen = TurnsSeen()

    seen.only(7, WORKS)

    assert not seen.only(8, TURNS)


def test_a_torn_stack_tells_nothing_of_where_a_loop_is() -> None:
    """It lacks the frames that every other look shows: these do not count as more than usual."""
    seen = TurnsSeen()
    torn = frames(LIBRARY, is_complete=False)

    assert [seen.only(7, one) for one in (torn, WORKS, TURNS, torn, TURNS)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (ThreadLook(7, ran_ns=9_000_000), 7),
        (ThreadLook(7, ran_ns=5_000_000), None),
        (ThreadLook(7, ran_ns=9_000_000, call=SystemCall("epoll_wait")), None),
        (ThreadLook(8, ran_ns=9_000_000), None),
    ],
    ids=["has not rested", "has slept for half of the time", "sleeps now", "is not hot"],
)
def test_a_thread_that_has_not_rested_may_be_read_from_nearer(look: ThreadLook, expected: int | None) -> None:
    """Ten milliseconds after the look before."""
    watch = cast("Any", HotWatch.__new__(HotWatch))
    watch._hot, watch._before_s = [7], 1.0
    watch._selectors = SimpleNamespace(unclear=lambda _, stacks: next(iter(stacks), None))

    assert watch.unclear(1.01, {look.tid: look}, {look.tid: WORKS}) == expected
