"""Whose wait has a limit: an open block around it belongs to what has a timer on the loop."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.conversations import Conversation
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party, Wait
from spindoctor.model.tasks import Task, TaskLook
from spindoctor.probe import limits
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.limits import LimitReader, with_limits, worth_asking

TIMEOUT, MANAGER, SCOPE, LOCK, TIMER, OTHER, NUMBER = 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x80
GENERATORS = (0x70, 0x71, 0x72, 0x73)
TYPES = {TIMER: "TimerHandle", OTHER: "str", NUMBER: "float"} | dict.fromkeys(GENERATORS, "generator")
NOBODY = Party(task=99)


def raw(name: str, place: int) -> RawFrame:
    return RawFrame(Frame(name, "/srv/app.py", place), place, 0, 0, 0)


FRAMES = (raw("Lock.acquire", 1), raw("transfer", 2))


def reader(
    monkeypatch: pytest.MonkeyPatch, blocks: dict[int, int], attributes: dict[int, dict[str, int]]
) -> tuple[LimitReader, list[int]]:
    """A reader, and the objects that it asks for their attributes; `blocks` by frame."""
    asked: list[int] = []

    def attributes_of(held: int) -> dict[str, int]:
        asked.append(held)
        if held not in attributes:
            raise Misread("gone")
        return attributes[held]

    def held_by(_: object, frames: tuple[RawFrame, ...]) -> list[tuple[RawFrame, int]]:
        return [(one, blocks[one.address]) for one in frames if one.address in blocks]

    monkeypatch.setattr(limits, "Contexts", lambda *_: None)
    monkeypatch.setattr(limits, "of_frames", held_by)
    fake = SimpleNamespace(
        reader=None,
        objects=SimpleNamespace(attributes=attributes_of, type_name=lambda one: TYPES.get(one, "Lock")),
        coroutine_chain=lambda one: SimpleNamespace(frames=(raw("fail", one),)),
    )
    return LimitReader(cast("Interpreter", fake)), asked


@pytest.mark.parametrize(("deadline_s", "is_limited"), [(12.5, True), (math.inf, False)])
def test_a_block_with_a_deadline_limits_the_wait_unless_it_is_infinite(
    monkeypatch: pytest.MonkeyPatch, deadline_s: float, *, is_limited: bool
) -> None:
    found, _ = reader(monkeypatch, {2: SCOPE}, {SCOPE: {"_registered_deadline": NUMBER}})
    objects = found._interpreter.objects
    monkeypatch.setattr(objects, "numbers", SimpleNamespace(real=lambda _: deadline_s), raising=False)

    assert bool(found.limited({7}, {7: FRAMES})) == is_limited


def test_a_block_of_what_has_a_timer_limits_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of the lock that is waited for has none."""
    found, _ = reader(monkeypatch, {1: LOCK, 2: TIMEOUT}, {LOCK: {"_loop": OTHER}, TIMEOUT: {"_timer": TIMER}})

    assert found.limited({7, 8}, {7: FRAMES, 8: FRAMES[:1]}) == {7}


@pytest.mark.parametrize(("deep", "is_limited"), [(1, True), (3, True), (4, False)])
def test_the_block_may_be_a_generators(monkeypatch: pytest.MonkeyPatch, deep: int, *, is_limited: bool) -> None:
    """One context manager made of another, up to three; the innermost is inside of a scope with a timer."""
    chain = GENERATORS[:deep]
    blocks = {2: MANAGER} | {one: 0x100 + one for one in chain[:-1]} | {chain[-1]: SCOPE}
    made_of = {0x100 + one: {"gen": inner} for one, inner in itertools.pairwise(chain)}
    found, _ = reader(monkeypatch, blocks, {MANAGER: {"gen": chain[0]}, **made_of, SCOPE: {"_timeout": TIMER}})

    assert (found.limited({7}, {7: FRAMES}) == {7}) is is_limited


def test_a_task_that_has_not_moved_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = reader(monkeypatch, {2: TIMEOUT}, {TIMEOUT: {"_timer": TIMER}})

    answers = [found.limited({7}, {7: frames}) for frames in (FRAMES, FRAMES, FRAMES[:1] + FRAMES[1:])]

    assert answers == [{7}, {7}, {7}]
    assert len(asked) == 2


def test_what_cannot_be_read_is_no_limit_and_a_task_without_a_chain_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = reader(monkeypatch, {2: TIMEOUT}, {})

    assert found.limited({7, 9}, {7: FRAMES}) == frozenset()


def pending(address: int, *awaited_by: int) -> Task:
    return Task(address, f"Task-{address}", "pending", "work", 1, awaited_by=awaited_by)


def test_asked_are_those_that_wait_and_are_waited_for() -> None:
    """1 awaits 2, which awaits 3; 4 and 5 have each other's locks; 6 waits for a lock that nobody is seen to have."""
    locks = (wait(4, 5), wait(5, 4), Wait(Party(task=6), "task lock", 3, "Lock"))
    look = TaskLook(0.0, (pending(1), pending(2, 1), pending(3, 2)), waits=locks)

    assert worth_asking(look) == {2, 4, 5}


def test_a_task_with_a_lock_that_has_handed_work_to_a_thread_is_asked() -> None:
    """The thread may ask the loop for what needs the lock; 8 has none."""
    errands = tuple(Conversation(Party(tid=7), None, for_task=one) for one in (1, 8))
    look = TaskLook(0.0, (pending(1), pending(8)), waits=(Wait(Party(tid=7), "future", 3, "Future", (Party(task=1),)),))

    assert worth_asking(TaskLook(0.0, look.tasks, waits=look.waits, conversations=errands)) == {1}


def wait(waiter: int, holder: int) -> Wait:
    return Wait(Party(task=waiter), "task lock", holder, "Lock", (Party(task=holder),))


def test_a_limit_is_told_of_the_task_and_of_its_wait() -> None:
    look = TaskLook(0.0, (pending(4), pending(5)), waits=(wait(4, 5), wait(5, 4)))

    told = with_limits(look, {4})

    assert [one.has_limit for one in (*told.tasks, *told.waits)] == [True, False, True, False]
    assert with_limits(look, ()) is look
