"""Queues that stay full because all who take something out wait for room themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import library, one_process, recording, task, task_looks, user

from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.locks import PUT, FullQueue, Handle, Party, Wait
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.waiting import Standoff, Standoffs

CRAWL = (
    "async def crawl(links):",
    "    while True:",
    "        page = await links.get()",
    "        for link in page:",
    "            await links.put(link)",
)
AT = user("crawl", 5)
WORKERS = (Party(task=1), Party(task=2))


def source(lines: tuple[str, ...], first: int = 1) -> SourceWindow:
    return SourceWindow("/srv/app.py", first, first, lines)


def of(
    *handles: Handle, lines: tuple[str, ...] = CRAWL, more: tuple[SourceWindow, ...] = (), futures: bool = False
) -> Recording:
    """Two workers wait for room in one queue in five looks; `futures`: each time another wait of theirs."""
    held = tuple(Handle(party, AT, "links") for party in WORKERS)
    queue = FullQueue(9, "Queue", WORKERS, (*held, *handles))
    chain = (library("put"), AT)
    looks = [
        {
            "tasks": tuple(task(party.task or 0, *chain) for party in WORKERS),
            "waits": tuple(Wait(party, PUT, (party.task or 0) + 10 * look * futures, "Queue") for party in WORKERS),
            "full_queues": (queue,),
        }
        for look in range(5)
    ]
    return recording(one_process(task_looks=task_looks(*looks), functions=(source(lines), *more)))


def found(seen: Recording) -> list[Standoff]:
    told = standoffs(seen)
    assert isinstance(told, Standoffs)
    return list(told.standoffs)


def test_workers_that_fill_the_queue_which_they_empty_wait_for_ever() -> None:
    """In five looks, a quarter of a second apart: for a second."""
    (one,) = found(of())

    assert (one.kind, len(one.members), one.lasted_s, one.has_tasks) == ("queue", 2, 1.0, True)
    assert one.members[0].waits_for == "room in a full Queue, which only task Task-1 or task Task-2 can make"


def test_where_each_wait_is_another_one_the_queue_moves_on() -> None:
    (one,) = found(of(futures=True))

    assert (one.seen.count, one.lasted_s) == (1, 0.0)


def test_one_who_takes_out_and_does_not_wait_for_room_makes_some() -> None:
    sink = source(("async def sink(jobs):", "    async for job in jobs:", "        await asyncio.sleep(1)"), 20)

    assert found(of(Handle(Party(task=3), user("sink", 22), "jobs"), more=(sink,))) == []


def test_one_who_only_made_the_workers_takes_nothing_out() -> None:
    main = source(("async def main(q):", "    await gather(crawl(q), crawl(q))"), 20)

    assert len(found(of(Handle(Party(task=3), user("main", 21), "q"), more=(main,)))) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("async def main(q):", "    while True:", "        await store_one(q)"),
        ("async def main(q):", "    print([one for one in q])"),
        ("async def main(q):", "    q.get_nowait()"),
        ("async def main(q):", "    await q.jobs.get()"),
        ("async def main(q):", "    q.popleft()"),
        ("async def main(q):", "    for number, one in enumerate(q): print(one)"),
    ],
)
def test_one_who_may_take_out_by_a_helper_or_later_is_left_out_of_account_by_nobody(lines: tuple[str, ...]) -> None:
    assert found(of(Handle(Party(task=3), user("main", 21), "q"), more=(source(lines, 20),))) == []


def test_a_function_that_cannot_be_read_may_take_out() -> None:
    assert found(of(Handle(Party(task=3), user("hidden", 90), "q"))) == []


@pytest.mark.parametrize(
    "lines",
    [
        (
            "async def crawl(links):",
            "    while True:",
            "        if links.empty(): log()",
            "",
            "        await links.put(1)",
        ),
        ("async def crawl(links):", "    if links.full(): links.get_nowait()", "", "", "    await links.put(1)"),
    ],
    ids=["asks whether it is empty", "drops the oldest"],
)
def test_a_producer_that_looks_into_the_queue_is_not_the_one_who_empties_it(lines: tuple[str, ...]) -> None:
    assert found(of(lines=lines)) == []


def test_producers_that_cannot_be_read_are_not_those_who_empty_a_queue() -> None:
    seen = of()
    process = replace(seen.processes[0], functions=())

    assert found(replace(seen, processes=(process,))) == []


def test_a_request_that_comes_to_wait_too_does_not_make_it_another_standoff() -> None:
    """In each look another one; it takes nothing out."""
    seen = of()
    process = seen.processes[0]
    looks = []
    for number, look in enumerate(process.task_looks):
        guest = Party(task=50 + number)
        (queue,) = look.full_queues
        more = replace(queue, putters=(*WORKERS, guest))
        waits = (*look.waits, Wait(guest, PUT, 500 + number, "Queue"))
        looks.append(replace(look, waits=waits, full_queues=(more,)))

    (one,) = found(replace(seen, processes=(replace(process, task_looks=tuple(looks)),)))

    assert (len(one.members), one.lasted_s) == (2, 1.0)


def test_a_wait_for_room_with_a_limit_ends_by_itself() -> None:
    limited = (*CRAWL[:4], "            async with timeout(5): await links.put(link)")

    assert found(of(lines=limited)) == []


def test_a_queue_of_which_nobody_is_known_to_take_out_says_nothing() -> None:
    only_puts = ("async def crawl(links):", "    while True:", "", "", "            await links.put(1)")

    assert found(of(lines=only_puts)) == []
