"""Tasks and threads that serve requests out of a queue."""

from __future__ import annotations

from recordings import LOOP, library, main_thread, one_process, recording, task_looks, user

from spindoctor.evidence.pools import pools
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool, Task

QUEUE, WORKER = 0x1000, 8
WORKS = Task(WORKER, "Task-8", "pending", "worker", LOOP, chain=(library("sleep", 665), user("worker", 81)))


def asks(address: int, name: str) -> Task:
    return Task(address, name, "pending", "view", LOOP, chain=(user("view", 83),), route=Route("GET", "/q"))


def use_of(*looks: tuple[tuple[Task, ...], tuple[int, ...]]) -> PoolUse:
    """The use of a crew of one task, of looks with the requests there were and the addresses of those queued."""
    seen = [
        {
            "tasks": (*requests, WORKS),
            "pools": (Pool(QUEUE, "task crew", "worker", 1, 1, len(queued), waiters=queued, tasks=(WORKER,)),)
            if queued
            else (),
        }
        for requests, queued in looks
    ]
    told = pools(recording(one_process(task_looks=task_looks(*seen), threads=(main_thread(),))))
    assert isinstance(told, Pools)
    return told.pools[0]


def test_the_crew_is_told_with_its_line_and_who_waits() -> None:
    both = ((asks(1, "Task-1"), asks(2, "Task-2")), (1, 2))

    use = use_of(both, both, both, both)

    assert (use.full, use.queued_most, use.waiting_tasks, use.holding) == (Share(4, 4), 2, 2, 1)
    assert [(one.culprit.function, one.culprit.line, one.share) for one in use.holders] == [("worker", 81, Share(4, 4))]
    assert [one.line for one in use.waiters] == [83]


def test_a_request_waits_for_as_long_as_it_lies_in_the_queue() -> None:
    """Three looks; in two more it is in the worker's hands, and served."""
    first, other = asks(1, "Task-1"), asks(2, "Task-2")

    use = use_of(*[((first, other), (1,))] * 3, *[((first, other), (2,))] * 2)

    assert use.held_s == 0.5


def test_the_next_request_at_the_same_address_waits_on_its_own() -> None:
    """Three looks at the first, two at the second: half a second."""
    use = use_of(*[((asks(1, "Task-1"),), (1,))] * 3, *[((asks(1, "Task-9"),), (1,))] * 2)

    assert use.held_s == 0.5


HANDLER, THREAD = 102, 103


def threads_use_of(*asking: tuple[tuple[int, int], ...], routed: bool = True) -> list[PoolUse]:
    """The use of a crew of one thread, of looks in which these threads' work lay in its queue."""
    view, works = (library("wait"), user("view", 20)), (library("sleep"), user("convert", 5))
    samples = tuple(
        Sample(n / 4, (ThreadLook(HANDLER, view), ThreadLook(THREAD, works, call=SystemCall("clock_nanosleep"))))
        for n in range(len(asking))
    )
    seen = [{"pools": (Pool(QUEUE, "queue crew", "worker", 1, 1, 1, tids=(THREAD,), waiters=(), asking=one),)}
            for one in asking]  # fmt: skip
    routes = ((user("view", 20), Route("GET", "/q")),) if routed else ()
    told = pools(recording(one_process(samples=samples, task_looks=task_looks(*seen), routes=routes)))
    assert isinstance(told, Pools)
    return list(told.pools)


def test_a_crew_of_threads_is_told_with_its_line_and_how_long_work_lies_in_the_queue() -> None:
    """The first event lies there in three looks, another of the same thread in two: half a second."""
    (use,) = threads_use_of(*[((HANDLER, 0x2001),)] * 3, *[((HANDLER, 0x2002),)] * 2)

    assert (use.full, use.queued_most, use.waited_s) == (Share(5, 5), 1, 0.5)
    assert [(one.culprit.function, one.culprit.line) for one in use.holders] == [("convert", 5)]


def test_threads_that_work_for_no_request_may_queue() -> None:
    assert threads_use_of(*[((HANDLER, 0x2001),)] * 5, routed=False) == []
