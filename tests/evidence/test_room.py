"""Full queues: requests behind those who empty them, and queues that nobody empties; worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import library, one_process, recording, task, task_looks, user

from spindoctor.evidence.pools import pools
from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.frames import Frame
from spindoctor.model.locks import PUT, FullQueue, Handle, Party, Wait
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.routes import Route
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task
from spindoctor.model.waiting import Standoff, Standoffs

QUEUE = 9
CLIENTS = (Party(task=1), Party(task=2), Party(task=3))
EVENT = ("async def event(request):", "    await JOBS.put(request)")
WRITER = ("async def writer():", "    while True:", "        job = await JOBS.get()", "        await store(job)")
IDLE = ("async def idle():", "    await asyncio.sleep(1)")
FAR = ("async def idle():", "    await app.state.jobs.get()")
OWN = ("async def idle(self):", "    await self.other.get()")
AT_PUT = user("event", 2)
AT_STORE = user("writer", 14)
AT_SLEEP = user("idle", 22)


def source(lines: tuple[str, ...], first: int) -> SourceWindow:
    return SourceWindow("/srv/app.py", first, first, lines)


def client(party: Party) -> Task:
    return replace(task(party.task or 0, library("put"), AT_PUT), route=Route("POST", "/event"))


def of(*more: Task, idle: tuple[str, ...] = IDLE, took: bool = False, **queue: object) -> Recording:
    """Three requests wait for room in five looks, beside these tasks; the writer is task 7."""
    held = [Handle(party, AT_PUT, "JOBS") for party in CLIENTS]
    held += [Handle(Party(task=7), AT_STORE, "JOBS")] if took else []
    full = FullQueue(QUEUE, "Queue", CLIENTS, **{"handles": tuple(held), "is_asked": True, **queue})
    look = {
        "tasks": (*map(client, CLIENTS), *more),
        "waits": tuple(Wait(party, PUT, party.task or 0, "Queue") for party in CLIENTS),
        "full_queues": (full,),
    }
    functions = (source(EVENT, 1), source(WRITER, 11), source(idle, 21))
    return recording(one_process(task_looks=task_looks(*[look] * 5), functions=functions))


def found(seen: Recording) -> list[Standoff]:
    told = standoffs(seen)
    assert isinstance(told, Standoffs)
    return list(told.standoffs)


def crews(seen: Recording) -> list[PoolUse]:
    told = pools(seen)
    assert isinstance(told, Pools)
    return list(told.pools)


WORKING = task(7, AT_STORE)
ENDED = Task(7, "writer", "finished", "writer", 1, defined=Frame("writer", "/srv/app.py", 11))
OTHER = task(8, AT_SLEEP)


def test_requests_that_wait_for_room_queue_for_who_empties_the_queue() -> None:
    (use,) = crews(of(WORKING, took=True))

    assert (use.pool.kind, use.pool.name, use.pool.size, use.pool.busy) == ("task crew", "writer", 1, 1)
    assert (use.full, use.queued_most, use.waiting_tasks) == (Share(5, 5), 3, 3)
    assert [(one.culprit.function, one.culprit.line) for one in use.holders] == [("writer", 14)]
    assert found(of(WORKING, took=True)) == []


def test_producers_that_no_request_waits_for_are_held_back_by_right() -> None:
    seen = of(WORKING, took=True)
    process = seen.processes[0]
    looks = [replace(one, tasks=tuple(replace(task, route=None) for task in one.tasks)) for one in process.task_looks]

    assert crews(replace(seen, processes=(replace(process, task_looks=tuple(looks)),))) == []


def test_where_who_emptied_a_queue_has_ended_requests_wait_for_room_for_ever() -> None:
    """In five looks, a quarter of a second apart: for a second."""
    (one,) = found(of(ENDED, OTHER))

    assert (one.kind, len(one.members), one.seen, one.lasted_s) == ("unread", 3, Share(5, 5), 1.0)
    assert [(did.function, did.line) for did in one.ended] == [("writer", 11)]
    assert one.members[0].culprit.line == 2
    assert crews(of(ENDED, OTHER)) == []


def test_who_emptied_a_queue_may_be_gone_without_a_trace() -> None:
    (one,) = found(of(OTHER))

    assert (one.kind, one.ended) == ("unread", ())


def test_requests_that_came_later_wait_behind_those_that_have_waited_for_longest() -> None:
    seen = of(OTHER)
    process = seen.processes[0]
    first = [replace(one, waits=one.waits[:1]) for one in process.task_looks[:2]]
    looks = (*first, *process.task_looks[2:])

    (one,) = found(replace(seen, processes=(replace(process, task_looks=looks),)))

    assert ([member.name for member in one.members], one.lasted_s) == (["task Task-1"], 1.0)


def test_what_was_looked_up_where_it_stands_is_another_queue() -> None:
    assert len(found(of(OTHER, idle=OWN))) == 1


@pytest.mark.parametrize(
    "seen",
    [
        of(OTHER, idle=FAR),
        of(task(8, user("hidden", 90))),
        of(OTHER, others=(Party(tid=5),)),
        of(OTHER, is_asked=False),
        of(OTHER, handles=()),
    ],
    ids=[
        "by a longer way",
        "a function that cannot be read",
        "a library's function",
        "not everybody was asked",
        "the user's code does not know it",
    ],
)
def test_where_somebody_may_empty_it_who_is_not_seen_nothing_is_said(seen: Recording) -> None:
    assert found(seen) == []


def test_who_gives_up_after_a_while_does_not_wait_for_ever() -> None:
    seen = of(OTHER)
    process = seen.processes[0]
    limited = source(("async def event(request):", "    async with timeout(3): await JOBS.put(request)"), 1)

    assert found(replace(seen, processes=(replace(process, functions=(limited, *process.functions[1:])),))) == []
