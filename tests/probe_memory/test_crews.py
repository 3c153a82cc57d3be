"""Threads of a server with one queue of work, and the pools of `multiprocessing`, among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.probe.crews import CrewReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.job_pools import JobPoolReader
from spindoctor.probe.locks import may_name_whom
from spindoctor.probe.pools import Worker

SERVER, QUEUE, CONDITION, BACKLOG, RESULT, POOL, MEMBERS = range(0x100, 0x800, 0x100)
ONE, TWO, LOG = 0x1100, 0x1200, 0x1300

Known = dict[int, tuple[str, dict[str, int]]]

TENDED = {"cache": 0x901, "pool": MEMBERS, "processes": 0x902}
"""What the thread that tends a job pool has in its variables."""


class Objects:
    """Objects by address: type and attributes, lengths, items and numbers."""

    def __init__(self, known: Known, lengths: dict[int, int], numbers: dict[int, int]) -> None:
        self.known, self.lengths, self.numbers = known, lengths, numbers

    def type_name(self, address: int) -> str:
        return self._of(address)[0]

    def attributes(self, address: int) -> dict[str, int]:
        return self._of(address)[1]

    def length(self, address: int) -> int:
        return self.lengths[address]

    def items(self, address: int) -> tuple[int, ...]:
        return (ONE, TWO) if address == MEMBERS else ()

    def value(self, address: int, depth: int = 0) -> object:  # noqa: ARG002 - the reader's own signature
        return self.numbers.get(address)

    def _of(self, address: int) -> tuple[str, dict[str, int]]:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address]


def target(known: Known, lengths: dict[int, int] | None = None, numbers: dict[int, int] | None = None) -> Interpreter:
    fake: Any = SimpleNamespace(
        objects=Objects(known, lengths or {}, numbers or {}),
        locals=lambda raw: {"self": raw.code},
        some_locals=lambda _, names: {name: TENDED[name] for name in names},
    )
    return cast("Interpreter", fake)


def raw(function: str, file: str, holder: int, address: int = 0) -> RawFrame:
    """A frame; its `code` is what `self` is there, for the fake target above."""
    fake: Any = SimpleNamespace(frame=Frame(function, file, 1), address=address, code=holder)
    return cast("RawFrame", fake)


BEGIN = raw("Thread._bootstrap", "/lib/threading.py", 0)


def worker(tid: int, *calls: str) -> Worker:
    """A thread in the server's loop with these calls above it, innermost first."""
    inner = [raw(name, "/srv/app.py", 0) for name in calls]
    return Worker(tid, (*inner, raw("handle", "/site-packages/server.py", SERVER, address=tid), BEGIN))


def dispatcher(**attributes: int) -> Known:
    return {
        SERVER: ("Dispatcher", attributes),
        BACKLOG: ("collections.deque", {}),
        CONDITION: ("Condition", {}),
        QUEUE: ("Queue", {"not_empty": CONDITION, "unfinished_tasks": 0x900}),
        POOL: ("Pool", {"_queue": QUEUE}),
    }


AT_WORK = ("recv", "ask", "view")


@pytest.mark.parametrize(
    ("attributes", "queue", "keeper"),
    [
        ({"threads": 0x901, "queue": BACKLOG, "queue_cv": CONDITION}, BACKLOG, "Dispatcher"),
        ({"requests": POOL}, QUEUE, "Pool"),
    ],
)
def test_a_crew_at_work_is_full_and_what_lies_in_its_queue_waits(
    attributes: dict[str, int], queue: int, keeper: str
) -> None:
    crew = [worker(7, *AT_WORK), worker(8, *AT_WORK)]

    (pool,) = CrewReader(target(dispatcher(**attributes), {queue: 5})).read(crew)

    assert (pool.kind, pool.name, pool.size, pool.busy, pool.queued, pool.tids) == ("crew", keeper, 2, 2, 5, (7, 8))


def test_a_crew_with_a_thread_that_waits_for_work_is_not_full() -> None:
    known = dispatcher(queue=BACKLOG, queue_cv=CONDITION)

    assert CrewReader(target(known, {BACKLOG: 0})).read([worker(7, *AT_WORK), worker(8, "wait")]) == []


@pytest.mark.parametrize("attributes", [{"queue": BACKLOG}, {"history": BACKLOG, "lock": CONDITION}])
def test_a_deque_that_nobody_waits_at_or_that_is_not_named_for_work_is_no_queue(attributes: dict[str, int]) -> None:
    crew = [worker(7, *AT_WORK), worker(8, *AT_WORK)]

    assert CrewReader(target(dispatcher(**attributes), {BACKLOG: 5})).read(crew) == []


def test_callers_beyond_the_members_of_a_job_pool_queue() -> None:
    """Three threads wait for results of a pool of two threads, whose kernel ids are 21 and 22."""
    known: Known = {
        RESULT: ("ApplyResult", {"_pool": POOL}),
        POOL: ("ThreadPool", {"_processes": 0x902, "_pool": MEMBERS}),
        ONE: ("DummyProcess", {"_native_id": 0x903, "_popen": 0}),
        TWO: ("DummyProcess", {"_native_id": 0x904, "_popen": 0}),
    }
    get = raw("ApplyResult.get", "/lib/multiprocessing/pool.py", RESULT)
    callers = [Worker(tid, (raw("wait", "/lib/threading.py", 0), get, BEGIN)) for tid in (7, 8, 9)]
    reader = JobPoolReader(target(known, numbers={0x902: 2, 0x903: 21, 0x904: 22}))

    (pool,) = reader.read(callers)

    assert (pool.kind, pool.size, pool.busy, pool.queued, pool.tids) == ("job pool", 2, 2, 1, (21, 22))


JOB_POOL: Known = {
    RESULT: ("ApplyResult", {"_pool": POOL}),
    POOL: ("Pool", {"_processes": 0x902, "_pool": MEMBERS}),
    ONE: ("DummyProcess", {"_native_id": 0x903, "_popen": 0}),
    TWO: ("DummyProcess", {"_native_id": 0x904, "_popen": 0}),
}
TENDS = Worker(5, (raw("wait", "/lib/threading.py", 0), raw("Pool._handle_workers", "/lib/multiprocessing/pool.py", 0)))


def job_pools() -> JobPoolReader:
    return JobPoolReader(target(JOB_POOL, {0x901: 37}, {0x902: 2, 0x903: 21, 0x904: 22}))


def test_results_that_nobody_waits_for_queue_too() -> None:
    """37 results are not there yet, of a pool of two whose members a thread tends."""
    (pool,) = job_pools().read([TENDS])

    assert (pool.kind, pool.size, pool.busy, pool.queued, pool.tids) == ("job pool", 2, 2, 35, (21, 22))


def test_a_pool_with_callers_that_wait_is_told_once() -> None:
    get = raw("ApplyResult.get", "/lib/multiprocessing/pool.py", RESULT)

    (pool,) = job_pools().read([TENDS, Worker(7, (get, BEGIN))])

    assert (pool.address, pool.queued) == (POOL, 0)


def test_a_result_that_is_there_keeps_no_pool() -> None:
    known: Known = {RESULT: ("ApplyResult", {"_pool": LOG}), LOG: ("NoneType", {})}
    get = raw("ApplyResult.get", "/lib/multiprocessing/pool.py", RESULT)

    assert JobPoolReader(target(known)).read([Worker(7, (get, BEGIN))]) == []


def test_a_thread_that_waits_for_a_result_of_a_job_pool_names_who_is_to_bring_it() -> None:
    """Other waits of `threading` for a sign name nobody, and are asked once."""
    signs = [raw("Condition.wait", "/lib/threading.py", 0), raw("Event.wait", "/lib/threading.py", 0)]
    result = [
        raw("ApplyResult.wait", "/lib/multiprocessing/pool.py", RESULT),
        raw("ApplyResult.get", "pool.py", RESULT),
    ]

    assert may_name_whom([*signs, *result])
    assert not may_name_whom([*signs, raw("work", "/srv/app.py", 0)])
