"""What lies beneath the user's code in an event loop of no known kind: frames laid out by hand, an epoll of our own."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.sample import Beneath
from spindoctor.probe.rounds import INNERMOST, OUTERMOST, RoundWatch

USER = "/srv/app.py"
TYPES = {1: "float", 2: "float", 3: "int", 4: "Reactor", 5: "NoneType", 6: "list", 7: "list"}
VALUES = {1: 10.5, 2: 10.6}
Held = dict[str, int]


@pytest.fixture
def epoll() -> Iterator[None]:
    """While this process, which is looked at, has an epoll."""
    one = select.epoll()
    yield
    one.close()


def raw(function: str, file: str = "/lib/reactor.py", code: int = 0) -> RawFrame:
    return RawFrame(Frame(function, file, 1), address=0, code=code or hash(function), instruction=0, owner=0)


START, HANDLER = raw("<module>", USER), raw("handler", USER)


def watch(held: dict[str, Held]) -> RoundWatch:
    """A watch of this process; `held` are the variables of its frames by their functions."""

    def variables(frame: RawFrame) -> Held:
        if frame.frame.function not in held:
            raise Unreadable(0, 8)
        return held[frame.frame.function]

    objects = SimpleNamespace(type_name=TYPES.__getitem__, numbers=SimpleNamespace(real=VALUES.__getitem__))
    target: Any = SimpleNamespace(pid=os.getpid(), objects=objects, locals=variables)
    return RoundWatch(cast("Any", target), lambda frame: frame.file == USER)


def seen(held: dict[str, Held], *frames: RawFrame) -> Beneath | None:
    """What a look at these frames, innermost first, says lies beneath the user's code."""
    return watch(held).look(os.getpid(), frames)


STACK = (HANDLER, raw("call"), raw("turn"), START)


@pytest.mark.usefixtures("epoll")
def test_two_looks_at_one_run_show_the_same_and_those_at_two_do_not() -> None:
    one = seen({"call": {"event": 6}, "turn": {"self": 4}}, *STACK)
    again = seen({"call": {"event": 6}, "turn": {"self": 4}}, *STACK)
    other = seen({"call": {"event": 7}, "turn": {"self": 4}}, *STACK)

    assert one is not None
    assert one == again != other


@pytest.mark.usefixtures("epoll")
def test_a_clock_is_told_by_what_it_shows() -> None:
    """The variable holds another float object of another value; a function that keeps no float has no clock."""
    early, late = (seen({"call": {}, "turn": {"now": now}}, *STACK) for now in (1, 2))
    without = seen({"call": {}, "turn": {"self": 4}}, *STACK)

    assert early is not None
    assert late is not None
    assert without is not None
    assert early.clock is not None
    assert early.clock != late.clock
    assert without.clock is None


@pytest.mark.usefixtures("epoll")
def test_a_variable_that_was_none_at_first_may_turn_out_to_be_a_clock() -> None:
    """Before its first turn a loop has not read the clock."""
    held = {"call": {}, "turn": {"now": 5}}
    one = watch(held)

    first = one.look(os.getpid(), STACK)
    held["turn"] = {"now": 1}
    second = one.look(os.getpid(), STACK)

    assert first is not None
    assert second is not None
    assert (first.clock, second.clock is None) == (None, False)


@pytest.mark.usefixtures("epoll")
def test_a_variable_that_held_an_object_is_not_asked_again() -> None:
    held = {"call": {}, "turn": {"self": 4}}
    one = watch(held)

    one.look(os.getpid(), STACK)
    held["turn"] = {"self": 1}
    again = one.look(os.getpid(), STACK)

    assert again is not None
    assert again.clock is None


@pytest.mark.usefixtures("epoll")
def test_the_users_code_at_both_ends_counts_for_nothing() -> None:
    """Neither what the handler holds nor what the program's start does is read: both fail here."""
    assert seen({"call": {}, "turn": {}}, *STACK) is not None
    assert seen({"turn": {}}, *STACK) is None


@pytest.mark.usefixtures("epoll")
def test_where_no_library_was_called_nothing_lies_beneath() -> None:
    assert seen({}, HANDLER, START) is None
    assert seen({}) is None


@pytest.mark.usefixtures("epoll")
def test_of_a_deep_stack_the_outermost_and_the_innermost_are_read() -> None:
    """Twenty functions of a library; those in the middle cannot be read, and are not."""
    deep = [raw(f"level_{number}") for number in range(20)]
    ends = {one.frame.function: {"self": 4} for one in (*deep[:INNERMOST], *deep[-OUTERMOST:])}

    assert seen(ends, HANDLER, *deep, START) is not None


@pytest.mark.usefixtures("epoll")
def test_only_the_first_thread_is_looked_at() -> None:
    assert watch({"call": {}, "turn": {}}).look(os.getpid() + 1, STACK) is None


def test_a_process_without_an_epoll_runs_no_such_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its descriptors are asked for again after half a second of looks, not in each."""
    asked = []

    def descriptors(pid: int) -> tuple[int, ...]:
        asked.append(pid)
        return ()

    monkeypatch.setattr("spindoctor.probe.rounds.find_descriptors", descriptors)
    one = watch({"call": {}, "turn": {}})

    assert [one.look(os.getpid(), STACK) for _ in range(51)] == [None] * 51
    assert len(asked) == 2
