"""Event loops that keep their tasks in objects of their own: where none is looked for, and for how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.keepers import MOST_TRIES, MOST_TRIES_OF_ALL, KeeperWatch


def test_nothing_is_looked_for_where_no_library_of_the_kind_is_imported() -> None:
    target = cast("Interpreter", SimpleNamespace(module=lambda _: None, locals=None))
    watch = KeeperWatch(target)
    watch.follow({1})

    assert watch.looks({1: RawStack((), is_complete=True)}, {1: ThreadLook(1)}) == []
    assert watch.keepers == ()


def test_a_thread_that_has_none_is_asked_a_few_times_alone() -> None:
    asked: list[RawFrame] = []
    raw = RawFrame(Frame("serve", "/srv/app.py", 7), address=1, code=2, instruction=0, owner=0)

    def variables(frame: RawFrame) -> dict[str, int]:
        asked.append(frame)
        raise Unreadable(0, 8)

    watch = KeeperWatch(cast("Interpreter", SimpleNamespace(module=lambda _: 1, locals=variables)))
    watch.follow({1})
    for _ in range(2 * MOST_TRIES):
        assert watch.looks({1: RawStack((raw,), is_complete=True)}, {1: ThreadLook(1)}) == []

    assert len(asked) == MOST_TRIES
    assert watch.with_keeper(ThreadUse(1, "MainThread", "python")) is None


def test_of_many_threads_the_first_alone_are_asked() -> None:
    asked: list[RawFrame] = []

    def variables(frame: RawFrame) -> dict[str, int]:
        asked.append(frame)
        raise Unreadable(0, 8)

    tids = range(1, 101)
    raw = RawFrame(Frame("serve", "/srv/app.py", 7), address=1, code=2, instruction=0, owner=0)
    watch = KeeperWatch(cast("Interpreter", SimpleNamespace(module=lambda _: 1, locals=variables)))
    watch.follow(tids)
    stacks = {tid: RawStack((raw,), is_complete=True) for tid in tids}

    assert watch.looks(stacks, {tid: ThreadLook(tid) for tid in tids}) == []
    assert len(asked) == MOST_TRIES_OF_ALL
