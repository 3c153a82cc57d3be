"""Requests whose events lie in a queue of threads, among objects laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.model.tasks import Pool, Task, TaskLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene, Sleeper
from spindoctor.probe.module_values import ModuleValues
from spindoctor.probe.queue_crews import QueueCrewReader

QUEUE, HELD, SERVICE, THREAD, SIMPLE = 0x1000, 0x1100, 0x1200, 0x1300, 0x1400
EVENTS = {1: 0x2001, 2: 0x2002, 3: 0x2003}
"""By thread what it waits for."""

JOB, FUTURE, SCRIPT, OTHER = 0x3000, 0x4000, 0x6000, 0x6100
WORKER, MAIN, LOOP = 8, 9, 10
VIEW = Frame("view", "/srv/app.py", 20)
WORK = Frame("worker", "/srv/app.py", 8)
SERVE = Frame("main", "/srv/app.py", 40)
WAIT = Frame("Event.wait", "/lib/threading.py", 655)
START = Frame("Thread._bootstrap", "/lib/threading.py", 1030)
GET = Frame("Queue.get", "/lib/queue.py", 171)
TYPES = {
    QUEUE: "queue.Queue",
    SIMPLE: "_queue.SimpleQueue",
    SERVICE: "Service",
    THREAD: "threading.Thread",
    JOB: "Job",
    FUTURE: "Future",
    **dict.fromkeys(EVENTS.values(), "threading.Event"),
}


class Objects:
    """Objects by address: their types and attributes, and what is in them."""

    def __init__(self, *queued: int) -> None:
        self.inside = {HELD: queued, SIMPLE: queued, 0x5000: (7, EVENTS[3])}
        self.known = {QUEUE: {"queue": HELD}, SERVICE: {"jobs": QUEUE}, JOB: {"done": EVENTS[2]}}

    def value(self, address: int) -> str:
        return {SCRIPT: "app.py", OTHER: "other.py"}[address]

    def type_name(self, address: int) -> str:
        if address not in TYPES:
            raise Unreadable(address, 8)
        return TYPES[address]

    def attributes(self, address: int) -> dict[str, int]:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address]

    def pairs(self, address: int) -> tuple[tuple[int, int], ...]:
        if address != 0x6000:
            raise Unreadable(address, 8)
        return ((7, 8), (9, EVENTS[3]))

    def items(self, address: int) -> tuple[int, ...]:
        if address not in self.inside:
            raise Unreadable(address, 8)
        return self.inside[address]


def raw(frame: Frame, **variables: int) -> RawFrame:
    """A frame; its `code` is what its variables are."""
    return cast("RawFrame", SimpleNamespace(frame=frame, code=variables))


def asking(tid: int) -> tuple[RawFrame, ...]:
    return raw(WAIT, self=EVENTS[tid]), raw(VIEW, done=EVENTS[tid])


BUSY = (raw(WORK, event=EVENTS[1]),)
IDLE = (raw(GET, self=QUEUE), raw(WORK))
SERVES = (raw(SERVE, service=SERVICE, jobs=QUEUE),)
NOBODY: tuple[RawFrame, ...] = ()


def crews(
    *queued: int,
    worker: tuple[RawFrame, ...] = BUSY,
    main: tuple[RawFrame, ...] = SERVES,
    modules: dict[str, dict[str, int]] | None = None,
    tasks: tuple[Task, ...] = (),
    pools: tuple[Pool, ...] = (),
) -> tuple[Pool, ...]:
    """Threads 1 to 3 wait, each for its event; `queued` are the items of the queue."""
    variables = modules or {}
    fake: Any = SimpleNamespace(
        objects=Objects(*queued),
        locals=lambda one: one.code,
        some_locals=lambda one, _: one.code,
        module_names=lambda: tuple(variables),
        module_contents=lambda name: variables.get(name, {}),
    )
    stacks = {**{tid: asking(tid) for tid in EVENTS}, WORKER: worker, MAIN: main}
    idle = [WORKER] if worker is IDLE else []
    sleepers = [Sleeper(tid, stacks[tid], 0, has_limit=False) for tid in (*EVENTS, *idle)]
    scene = Scene(stacks, {}, [cast("Any", SimpleNamespace(tid=LOOP))], (), {}, ())
    reader = QueueCrewReader(
        cast("Interpreter", fake),
        lambda one: one.file.startswith("/srv/"),
        ModuleValues(cast("Interpreter", fake)),
    )
    waiters = {one.address: FUTURE for one in tasks}
    return reader.look(TaskLook(0.0, tasks=tasks, pools=pools), sleepers, scene, waiters)


def test_requests_whose_events_lie_in_the_queue_wait_for_the_thread_that_has_one_at_hand() -> None:
    """The first is being worked on; the second lies there in a job, the third in a pair."""
    (pool,) = crews(JOB, 0x5000)

    assert (pool.address, pool.kind, pool.name, pool.tids) == (QUEUE, "queue crew", "worker", (WORKER,))
    assert (pool.size, pool.busy, pool.queued) == (1, 1, 2)
    assert (pool.asking, pool.waiters) == (((2, EVENTS[2]), (3, EVENTS[3])), ())


def test_a_thread_that_waits_for_the_next_item_is_a_member_and_not_busy() -> None:
    (pool,) = crews(EVENTS[2], worker=IDLE)

    assert (pool.size, pool.busy, pool.tids) == (1, 0, (WORKER,))


LIBRARY = (raw(Frame("serve", "/lib/sql.py", 59), line=SIMPLE, future=EVENTS[1]), raw(START))


@pytest.mark.parametrize("inner", [(), (raw(Frame("slow", "/srv/app.py", 3)),)], ids=["alone", "with a callback"])
def test_a_library_s_thread_is_known_by_the_function_it_was_begun_with(inner: tuple[RawFrame, ...]) -> None:
    (pool,) = crews(EVENTS[2], worker=(*inner, *LIBRARY), main=NOBODY)

    assert (pool.address, pool.name, pool.tids, pool.queued) == (SIMPLE, "serve", (WORKER,), 1)


def test_a_thread_of_a_pool_that_tells_of_itself_is_not_counted_again() -> None:
    executor = Pool(0x9000, "executor", "shared", 1, 1, 1, (WORKER,))

    assert crews(EVENTS[2], worker=LIBRARY, main=NOBODY, pools=(executor,)) == ()


def test_who_only_has_the_queue_at_hand_works_for_nobody() -> None:
    assert crews(EVENTS[2], worker=(raw(WORK, jobs=QUEUE),)) == ()


def test_what_another_thread_waits_for_in_another_way_is_no_work() -> None:
    """The main thread joins the worker, whose own frames have the thread object at hand."""
    joins = (raw(Frame("Thread.join", "/lib/threading.py", 1147), self=THREAD), raw(SERVE, jobs=QUEUE))

    assert crews(EVENTS[2], worker=(raw(WORK, self=THREAD),), main=joins) == ()


def test_a_task_may_wait_for_what_a_thread_brings() -> None:
    view = Task(7, "Task-7", "pending", "view", 1, chain=(VIEW,), route=Route("GET", "/q"))
    (pool,) = crews(FUTURE, worker=IDLE, tasks=(view,))

    assert (pool.queued, pool.waiters, pool.asking) == (1, (7,), ())


@pytest.mark.parametrize(
    ("module", "file", "found"),
    [
        ("app", OTHER, 1),
        ("srv.app", OTHER, 1),
        ("other", OTHER, 0),
        ("__main__", SCRIPT, 1),
        ("__main__", OTHER, 0),
    ],
    ids=["module", "in a package", "another module", "script", "another script"],
)
def test_a_queue_may_be_that_of_a_module_in_whose_functions_threads_are_met(module: str, file: int, found: int) -> None:
    contents = {"__main__": {"__file__": file}}
    contents[module] = {"JOBS": QUEUE, **contents.get(module, {})}

    assert len(crews(EVENTS[2], main=NOBODY, modules=contents)) == found


def test_a_queue_of_tasks_is_no_matter_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "attributes", lambda *_: {"_queue": HELD, "_getters": 0x7000})

    assert crews(EVENTS[2]) == ()


def test_an_empty_queue_is_no_pool() -> None:
    assert crews() == ()


def test_an_answer_may_be_asked_for_in_a_dict() -> None:
    (pool,) = crews(JOB, 0x6000)

    assert pool.asking == ((2, EVENTS[2]), (3, EVENTS[3]))


ELSEWHERE = (raw(Frame("<module>", "/srv/app.py", 1)),)
MODULES = {"__main__": {"__file__": SCRIPT, "jobs": QUEUE}}


@pytest.mark.parametrize(
    ("main", "is_unserved"),
    [(ELSEWHERE, True), (SERVES, False), ((raw(Frame("drain", "/srv/app.py", 9)),), False)],
    ids=["the program's beginning", "has it at hand", "code of the user's"],
)
def test_a_queue_without_a_member_is_told_where_nobody_else_has_it_at_hand(
    main: tuple[RawFrame, ...], *, is_unserved: bool
) -> None:
    found = crews(JOB, worker=NOBODY, main=main, modules=MODULES)

    told = [(0, "queue.Queue", ((2, EVENTS[2]),))] if is_unserved else []
    assert [(one.size, one.name, one.asking) for one in found] == told


def test_a_task_in_code_of_the_users_may_serve_a_queue_of_threads() -> None:
    drains = Task(
        77, "Task-77", "pending", "drain", 1, chain=(Frame("sleep", "/lib/t.py", 1), Frame("drain", "/srv/app.py", 5))
    )

    assert crews(JOB, worker=NOBODY, main=ELSEWHERE, modules=MODULES, tasks=(drains,)) == ()
