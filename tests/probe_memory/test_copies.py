"""Locks that a fork copied while a thread of the parent had them, among processes laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.model.locks import Party, Wait
from spindoctor.model.tasks import TaskLook
from spindoctor.probe import copies
from spindoctor.probe.copies import CopiedLocks, with_copied
from spindoctor.probe.pipes import Watched

PARENT, CHILD, LOCK, CONDITION = 100, 101, 0x500, 0x600
WAIT = Wait(Party(tid=7), "lock", LOCK, "_thread.lock")


def process(pid: int, *waits: Wait, held: tuple[int, ...] = ()) -> Watched:
    """A process whose one thread stands in blocks of these objects."""
    attributes = {CONDITION: {"_lock": LOCK}}
    interpreter = SimpleNamespace(reader=None, objects=SimpleNamespace(attributes=lambda one: attributes.get(one, {})))
    fake: Any = SimpleNamespace(pid=pid, waits=waits, interpreter=interpreter, stacks={pid: held})
    return cast("Watched", fake)


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack of the fake threads is what they hold; the child's parent is the parent."""
    monkeypatch.setattr(copies, "Contexts", lambda _reader, _objects: None)
    monkeypatch.setattr(copies, "of_frames", lambda _contexts, held: ((None, one) for one in held))
    monkeypatch.setattr(CopiedLocks, "_parent", lambda _self, pid: PARENT if pid == CHILD else 1)


@pytest.mark.parametrize("held", [LOCK, CONDITION])
def test_a_lock_that_a_thread_of_the_parent_has_at_the_same_address_is_a_copy(held: int) -> None:
    """Once found it stays so: the parent's thread has it in one look and not in the next."""
    reader = CopiedLocks()

    assert reader.look([process(PARENT, held=(held,)), process(CHILD, WAIT)]) == {CHILD: {LOCK}}
    assert reader.look([process(PARENT), process(CHILD, WAIT)]) == {CHILD: {LOCK}}


@pytest.mark.parametrize("other", [Wait(Party(tid=7), "lock", LOCK, "_thread.lock", (Party(tid=8),)), None])
def test_a_lock_that_a_thread_of_the_child_has_or_that_nobody_waits_for_is_none(other: Wait | None) -> None:
    waits = (other,) if other else ()

    assert not CopiedLocks().look([process(PARENT, held=(LOCK,)), process(CHILD, *waits)]).get(CHILD)


def test_the_parents_own_waits_are_left_alone() -> None:
    assert CopiedLocks().look([process(PARENT, WAIT, held=(LOCK,)), process(CHILD, held=(LOCK,))]) == {}


def test_marked_are_the_waits_for_a_copy_that_nobody_holds() -> None:
    other = Wait(Party(tid=9), "lock", 0x900, "_thread.lock")
    look = TaskLook(0.0, tasks=(), task_count=0, callbacks=(), waits=(WAIT, other))

    assert [one.is_orphaned for one in with_copied(look, {LOCK}).waits] == [True, False]
