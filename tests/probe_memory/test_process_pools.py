"""Executors of processes, among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pools import Worker
from spindoctor.probe.process_pools import MOST_ALIKE, ProcessPoolReader

PENDING, MEMBERS, OWNER, EXECUTOR, MANAGER, OTHER = range(0x1000, 0x7000, 0x1000)
KEPT = {"pending_work_items": PENDING, "processes": MEMBERS, "executor_reference": OWNER}


class Target:
    """A process whose thread `MANAGER` hands out `pending` pieces of work to the members 21 and 22."""

    def __init__(self, pending: int = 5) -> None:
        self.pending = pending
        self.reads = 0
        self.objects = self

    def some_locals(self, raw: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        variables: dict[str, int] = cast("Any", raw).variables
        return {name: value for name, value in variables.items() if name in names}

    def attributes(self, address: int) -> dict[str, int]:
        self.reads += 1
        if address not in {MANAGER, OTHER}:
            raise Unreadable(address, 8)
        return KEPT if address == MANAGER else {"processes": MEMBERS}

    def length(self, address: int) -> int:
        assert address == PENDING
        return self.pending

    def pairs(self, address: int) -> list[tuple[int, int]]:
        assert address == MEMBERS
        return [(21, 0), (22, 0)]

    def value(self, address: int, depth: int = 0) -> object:  # noqa: ARG002 - the reader's own signature
        return address

    def referent(self, address: int) -> int | None:
        return EXECUTOR if address == OWNER else None

    def type_name(self, address: int) -> str:
        assert address == EXECUTOR
        return "ProcessPoolExecutor"


def raw(function: str, **variables: int) -> RawFrame:
    fake: Any = SimpleNamespace(frame=Frame(function, "/lib/process.py", 1), code=hash(function), variables=variables)
    return cast("RawFrame", fake)


def thread(tid: int, *frames: RawFrame) -> Worker:
    return Worker(tid, (raw("wait"), *frames, raw("_bootstrap_inner"), raw("_bootstrap")))


def reader(target: Target) -> ProcessPoolReader:
    return ProcessPoolReader(cast("Interpreter", target))


@pytest.mark.parametrize("frame", [raw("run", self=MANAGER), raw("_queue_management_worker", **KEPT)])
def test_work_beyond_the_members_is_queued(frame: RawFrame) -> None:
    (pool,) = reader(Target(pending=5)).read([thread(7, frame)])

    assert (pool.kind, pool.name, pool.size) == ("job pool", "ProcessPoolExecutor", 2)
    assert (pool.busy, pool.queued, pool.tids) == (2, 3, (21, 22))


def test_an_executor_with_a_member_to_spare_queues_nothing() -> None:
    (pool,) = reader(Target(pending=1)).read([thread(7, raw("run", self=MANAGER))])

    assert (pool.busy, pool.queued) == (1, 0)


def test_other_threads_hand_out_nothing_and_are_asked_once() -> None:
    target = Target()
    pools = reader(target)
    workers = [thread(7, raw("serve", self=OTHER)), thread(8, raw("poll"))]

    found = [pools.read(workers), pools.read(workers)]

    assert (found, target.reads) == ([[], []], 1)


def test_an_object_that_cannot_be_read_hides_no_executor() -> None:
    workers = [thread(7, raw("serve", self=0x9000)), thread(8, raw("run", self=MANAGER))]

    assert len(reader(Target()).read(workers)) == 1


def test_of_many_threads_that_run_the_same_function_only_some_are_asked() -> None:
    target = Target()
    workers = [thread(tid, raw("serve", self=OTHER)) for tid in range(100, 1100)]

    found = reader(target).read([*workers, thread(7, raw("run", self=MANAGER))])

    assert (len(found), target.reads) == (1, MOST_ALIKE + 1)
