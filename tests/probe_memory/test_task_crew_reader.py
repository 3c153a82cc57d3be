"""Requests whose futures lie in a queue, among objects laid out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.model.tasks import Pool, Task, TaskLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.module_values import ModuleValues
from spindoctor.probe.task_crews import TaskCrewReader

QUEUE, HELD, SERVICE = 0x1000, 0x1100, 0x1200
FUTURES = {1: 0x2001, 2: 0x2002, 3: 0x2003}
"""By task what it awaits."""

JOB = 0x3000
WORKER, IDLER = 8, 9
VIEW = Frame("view", "/srv/app.py", 83)
WORK = Frame("worker", "/srv/app.py", 81)
SLEEP = Frame("sleep", "/lib/asyncio/tasks.py", 665)


class Objects:
    """Objects by address: their attributes, and what is in them."""

    def __init__(self, items: dict[int, tuple[int, ...]]) -> None:
        self.inside = items
        self.known = {QUEUE: {"_queue": HELD, "_getters": 0x1300}, SERVICE: {"queue": QUEUE}, JOB: {"future": 0x2002}}
        self.classes = self

    def of(self, address: int) -> Any:  # noqa: ANN401 - a class, of which the address alone is asked
        return SimpleNamespace(address=address & 0xF00)

    def type_name(self, address: int) -> str:
        return {QUEUE: "Queue"}[address]

    def attributes(self, address: int) -> dict[str, int]:
        if address not in self.known:
            raise Unreadable(address, 8)
        return self.known[address]

    def items(self, address: int) -> tuple[int, ...]:
        if address not in self.inside:
            raise Unreadable(address, 8)
        return self.inside[address]


def raw(frame: Frame, **variables: int) -> RawFrame:
    """A frame; its `code` is what its variables are."""
    return cast("RawFrame", SimpleNamespace(frame=frame, code=variables))


def request(number: int, *chain: Frame) -> Task:
    chain = chain or (VIEW,)
    return Task(number, f"Task-{number}", "pending", "view", 1, chain=chain, route=Route("GET", "/q"))


WORKERS = tuple(
    Task(number, f"Task-{number}", "pending", "worker", 1, chain=(SLEEP, WORK)) for number in (WORKER, IDLER)
)
CHAINS = {
    **{number: (raw(VIEW, service=SERVICE),) for number in FUTURES},
    WORKER: (raw(SLEEP), raw(WORK, queue=QUEUE)),
    IDLER: (raw(SLEEP), raw(WORK)),
}


def crews(
    items: dict[int, tuple[int, ...]],
    *tasks: Task,
    chains: dict[int, tuple[RawFrame, ...]] | None = None,
    modules: dict[str, dict[str, int]] | None = None,
    others: tuple[Task, ...] = WORKERS,
    unread: int = 0,
) -> tuple[Pool, ...]:
    variables = modules or {}
    fake: Any = SimpleNamespace(
        objects=Objects(items),
        locals=lambda one: one.code,
        module_names=lambda: tuple(variables),
        module_contents=lambda name: variables.get(name, {}),
    )
    interpreter = cast("Interpreter", fake)
    reader = TaskCrewReader(interpreter, lambda one: one.file.startswith("/srv/"), ModuleValues(interpreter))
    return reader.look(
        TaskLook(0.0, tasks=(*tasks, *others), task_count=len(tasks) + len(others) + unread), chains or CHAINS, FUTURES
    )


def test_requests_whose_futures_lie_in_the_queue_wait_for_the_tasks_that_have_it() -> None:
    """The first has been taken out; the second lies there in a job, the third by itself."""
    (pool,) = crews({HELD: (JOB, FUTURES[3])}, request(1), request(2), request(3))

    assert (pool.address, pool.kind, pool.name) == (QUEUE, "task crew", "worker")
    assert (pool.size, pool.busy, pool.queued) == (1, 1, 2)
    assert (pool.waiters, pool.tasks) == ((2, 3), (WORKER,))


def test_parts_of_an_item_are_looked_at() -> None:
    (pool,) = crews({HELD: (0x4000,), 0x4000: (7, FUTURES[1])}, request(1), request(2))

    assert pool.waiters == (1,)


def test_an_empty_queue_is_no_pool() -> None:
    assert crews({HELD: ()}, request(1), request(2)) == ()


def test_one_request_queues_behind_nobody() -> None:
    assert crews({HELD: (FUTURES[1],)}, request(1)) == ()


def test_a_request_that_awaits_inside_of_a_library_is_not_asked() -> None:
    library = (SLEEP, VIEW)

    assert crews({HELD: (FUTURES[1], FUTURES[2])}, request(1, *library), request(2, *library)) == ()


def test_a_queue_that_nobody_else_has_may_be_served_by_whoever_works_for_no_request() -> None:
    alone = {task: CHAINS[task] for task in (1, 2, IDLER)}

    assert crews({HELD: (FUTURES[1], FUTURES[2])}, request(1), request(2), chains=alone) == ()


def test_a_queue_without_anybody_else_is_told_without_a_member() -> None:
    alone = {task: CHAINS[task] for task in (1, 2)}
    begins = replace(WORKERS[1], chain=(SLEEP, Frame("<module>", "/srv/app.py", 99)))

    (pool,) = crews({HELD: (FUTURES[1], FUTURES[2])}, request(1), request(2), chains=alone, others=(begins,))

    assert (pool.kind, pool.name, pool.size, pool.waiters, pool.tasks) == ("task crew", "Queue", 0, (1, 2), ())


def test_a_task_that_was_not_read_may_serve_any_queue() -> None:
    alone = {task: CHAINS[task] for task in (1, 2)}

    assert crews({HELD: (FUTURES[1],)}, request(1), request(2), chains=alone, others=(), unread=1) == ()


def test_a_queue_may_be_a_variable_of_the_module() -> None:
    """The functions know it as a global; a script's module is `__main__`."""
    chains = {task: (raw(VIEW),) for task in (1, 2)}
    modules = {"srv.app": {"jobs": QUEUE}, "srv.other": {"jobs": 0x9900}}

    (pool,) = crews({HELD: (FUTURES[2],)}, request(1), request(2), chains=chains, modules=modules, others=())

    assert (pool.address, pool.size, pool.waiters) == (QUEUE, 0, (2,))


def test_what_cannot_be_read_is_no_queue() -> None:
    chains = {**CHAINS, 1: (raw(VIEW, service=0x9900),), 2: (raw(VIEW),)}

    assert crews({HELD: (FUTURES[1], FUTURES[2])}, request(1), request(2), chains=chains) == ()


def test_a_task_that_waits_for_the_next_item_is_not_busy() -> None:
    getting = Frame("Queue.get", "/usr/lib/python3.12/asyncio/queues.py", 158)
    chains = {**CHAINS, IDLER: (raw(getting), raw(WORK, queue=QUEUE))}

    (pool,) = crews({HELD: (FUTURES[1], FUTURES[2])}, request(1), request(2), chains=chains)

    assert (pool.size, pool.busy) == (2, 1)
