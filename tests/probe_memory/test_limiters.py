"""Limiters by the tasks that wait in their methods, among objects laid out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pools import MOST_ASKED, MOST_MISSES, PoolReader, Worker

LIMITER, OTHER, EVENT, PARKS = 0x1000, 0x2000, 0x3000, 0x4000
TOKENS = {"_total_tokens": 3, "_borrowers": 0x10, "_wait_queue": 0x11}
KNOWN: dict[int, tuple[str, dict[str, int]]] = {
    LIMITER: ("CapacityLimiter", TOKENS),
    OTHER: ("CapacityLimiter", {**TOKENS, "_total_tokens": 5}),
    EVENT: ("Event", {"_waiters": 0x12}),
    PARKS: ("Limiter", {"_borrowers": 0x10, "_pending_borrowers": 0x11, "_total_tokens": 3}),
}
LENGTHS = {0x10: 3, 0x11: 2, 0x12: 1}


class Objects:
    """Objects by address; a number below 16 is its own address."""

    def type_name(self, address: int) -> str:
        if address not in KNOWN:
            raise Unreadable(address, 8)
        return KNOWN[address][0]

    def attributes(self, address: int) -> dict[str, int]:
        return KNOWN[address][1]

    def value(self, address: int, depth: int = 0) -> object:  # noqa: ARG002 - the reader's own signature
        return address if address < min(LENGTHS) else None

    def length(self, address: int) -> int:
        return LENGTHS[address]


def raw(function: str, file: str, holder: int = 0) -> RawFrame:
    """A frame; its `code` is what `self` is there."""
    return cast("RawFrame", SimpleNamespace(frame=Frame(function, file, 1), code=holder))


def waiting(holder: int) -> tuple[RawFrame, ...]:
    return raw("wait", "/lib/locks.py", EVENT), raw("acquire", "/lib/limits.py", holder), raw("view", "/srv/app.py")


def reader() -> tuple[PoolReader, list[RawFrame]]:
    asked: list[RawFrame] = []

    def some_locals(frame: Any, _: tuple[str, ...]) -> dict[str, int]:  # noqa: ANN401 - a frame made by hand
        asked.append(frame)
        return {"self": frame.code} if frame.code else {}

    fake = SimpleNamespace(objects=Objects(), some_locals=some_locals, layout={}, reader=None)
    return PoolReader(cast("Interpreter", fake)), asked


def test_each_task_waits_for_the_limiter_that_it_is_in() -> None:
    """Two at one limiter and one at another, all at the same line of the library."""
    pools, _ = reader()

    found = pools.limiters({7: waiting(LIMITER), 8: waiting(OTHER), 9: waiting(LIMITER)}, ())

    assert {one.address: (one.size, one.busy, one.queued, one.waiters, one.tids) for one in found} == {
        LIMITER: (3, 3, 2, (7, 9), ()),
        OTHER: (5, 3, 2, (8,), ()),
    }


def test_who_waits_may_be_kept_as_a_borrower_to_be() -> None:
    pools, _ = reader()

    (found,) = pools.limiters({7: (raw("acquire", "/lib/limits.py", PARKS), raw("view", "/srv/app.py"))}, ())

    assert (found.size, found.busy, found.queued, found.waiters) == (3, 3, 2, (7,))


def test_threads_that_the_limiter_s_library_made_work_for_it() -> None:
    pools, _ = reader()
    worker = Worker(11, (raw("run", "/lib/limits.py"), raw("_bootstrap", "/lib/threading.py")))

    (found,) = pools.limiters({7: waiting(LIMITER)}, [worker])

    assert found.tids == (11,)


def test_a_task_that_has_not_moved_is_asked_once() -> None:
    pools, asked = reader()
    chains = {7: waiting(LIMITER)}
    pools.limiters(chains, ())
    before = len(asked)

    (found,) = pools.limiters(chains, ())

    assert (len(asked), found.waiters) == (before, (7,))


def test_so_many_tasks_are_asked_in_one_look_and_the_rest_in_the_next() -> None:
    pools, _ = reader()
    chains = {number: waiting(LIMITER) for number in range(MOST_ASKED + 5)}

    told = [len(pools.limiters(chains, ())[0].waiters or ()) for _ in range(2)]

    assert told == [MOST_ASKED, MOST_ASKED + 5]


def test_a_function_that_is_no_limiter_s_is_not_asked_for_ever() -> None:
    """Each look brings a new task in a method of something else."""
    pools, asked = reader()
    for task in range(2 * MOST_MISSES):
        pools.limiters({task: (raw("wait", "/lib/locks.py", EVENT),)}, ())

    assert len(asked) == MOST_MISSES + 1  # it takes the first to learn that the type is no limiter's


def test_a_limiter_without_a_limit_is_none_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have the same type."""
    value = Objects.value
    monkeypatch.setattr(Objects, "value", lambda self, one, depth=0: math.inf if one == 5 else value(self, one, depth))
    pools, _ = reader()

    (found,) = pools.limiters({7: waiting(OTHER), 8: waiting(LIMITER)}, ())

    assert (found.address, found.size) == (LIMITER, 3)


def test_an_object_that_cannot_be_read_is_no_limiter() -> None:
    pools, _ = reader()

    assert pools.limiters({7: waiting(0x9999), 8: ()}, ()) == []
