"""Pools: how often full, and what their members do; counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import PID, library, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.pools import pools
from spindoctor.model.conversations import Conversation
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import Pool

ASK = user("ask_sdk", 50)
FULL = Pool(1, "executor", "asyncio", size=2, busy=2, queued=3, tids=(101, 102), is_default=True)
FREE = Pool(1, "executor", "asyncio", size=2, busy=1, queued=0, tids=(101, 102), is_default=True)
READS = [ThreadLook(tid, (library("recv"), ASK), call=SystemCall("recvfrom")) for tid in (101, 102)]
COMPUTES = [
    ThreadLook(101, (user("crunch", 5),), ran_ns=10_000_000),
    ThreadLook(102, (user("crunch", 6),), waits_for_gil=True),
]
THREADS = tuple(ThreadUse(tid, f"asyncio_{number}", "python") for number, tid in enumerate((101, 102)))


def only_pool(seen: Recording) -> PoolUse:
    told = pools(seen)
    assert isinstance(told, Pools)
    assert len(told.pools) == 1
    return told.pools[0]


def of(*states: Pool, **seen: object) -> Recording:
    looks = task_looks(*[{"pools": (one,)} for one in states])
    return recording(one_process(task_looks=looks, threads=THREADS, **seen))


def test_full_is_every_member_busy_and_callers_queued() -> None:
    """Of four looks two are full; in one every member is busy, but nobody queues."""
    just_enough = Pool(1, "executor", "asyncio", size=2, busy=2, queued=0)

    use = only_pool(of(FULL, FREE, just_enough, FULL))

    assert (use.full, use.queued_most, use.pool) == (Share(2, 4), 3, FULL)


def test_a_pool_without_a_size_is_never_full() -> None:
    assert only_pool(of(Pool(1, "limiter", "endless", size=0, busy=0, queued=4))).full == Share(0, 1)


def test_members_that_wait_show_where_and_for_how_long() -> None:
    """Both threads stay at one line for three looks: six looks in two stays of 0.02 s each."""
    use = only_pool(of(FULL, samples=thread_samples(READS, READS, READS)))

    assert [(site.culprit.function, site.share, site.episodes) for site in use.holders] == [("ask_sdk", Share(6, 6), 2)]
    assert use.holders[0].calls == (("recvfrom", 6),)
    assert (use.held_s, use.holders_computing) == (pytest.approx(0.02), Share(0, 6))


def test_a_place_bears_the_name_of_a_thread_that_was_met_there() -> None:
    """102 stands at one line, and at the other one that has ended."""
    gone = FULL.tids[0] + 7
    at = {gone: user("ask_sdk", 50), 102: user("ask_bank", 9)}
    looks = [ThreadLook(tid, (library("recv"), one), call=SystemCall("recvfrom")) for tid, one in at.items()]
    full = replace(FULL, tids=(gone, 102))

    use = only_pool(of(full, samples=thread_samples(looks, looks)))

    named = {site.culprit.function: site.culprit.thread for site in use.holders}
    assert named == {"ask_sdk": None, "ask_bank": "asyncio_1"}


def test_members_that_run_or_want_the_gil_compute() -> None:
    use = only_pool(of(FULL, samples=thread_samples(COMPUTES, COMPUTES, READS)))

    assert use.holders_computing == Share(4, 6)


def test_a_member_that_moves_on_to_another_line_begins_a_new_stay() -> None:
    lines = [[ThreadLook(101, (user("ask_sdk", line),), call=SystemCall("recvfrom"))] for line in (50, 50, 51, 51, 51)]

    use = only_pool(of(FULL, samples=thread_samples(*lines)))

    assert [(site.culprit.line, site.longest_s) for site in use.holders] == [
        (51, pytest.approx(0.02)),
        (50, pytest.approx(0.01)),
    ]


def test_tasks_that_wait_for_a_thread_are_counted_and_placed_by_their_line() -> None:
    """Two at one line and one at another; one sleeps and waits for no thread."""
    ask, other = user("ask", 12), user("search", 30)
    waiting = [
        task(1, library("to_thread"), ask),
        task(2, library("to_thread"), ask),
        task(3, library("to_thread.run_sync"), other),
    ]
    look = {"pools": (FULL,), "tasks": (*waiting, task(4, library("sleep"), ask))}

    use = only_pool(recording(one_process(task_looks=task_looks(look))))

    assert use.waiting_tasks == 3
    assert [(one.function, one.line) for one in use.waiters] == [("ask", 12), ("search", 30)]


def test_a_pool_without_threads_has_no_holders() -> None:
    use = only_pool(of(Pool(1, "connections", "db", size=2, busy=2, queued=1)))

    assert (use.holders, use.holders_computing, use.held_s) == ((), NO_LOOKS, 0.0)


def test_the_fullest_pool_comes_first() -> None:
    quiet = Pool(2, "limiter", "tokens", size=40, busy=0, queued=0)

    told = pools(recording(one_process(task_looks=task_looks({"pools": (quiet, FULL)}))))

    assert isinstance(told, Pools)
    assert [one.pool.name for one in told.pools] == ["asyncio", "tokens"]
    assert told.pools[0].pid == PID


def test_without_a_slow_look_there_are_no_pools_to_speak_of() -> None:
    assert isinstance(pools(recording(one_process())), Missing)


def test_a_pool_that_was_found_twice_in_one_look_counts_once() -> None:
    """Two objects can lead to the same pool."""
    use = only_pool(recording(one_process(task_looks=task_looks({"pools": (FULL, FULL)}))))

    assert use.full == Share(1, 1)


def test_a_pool_that_says_whom_it_works_for_counts_no_others() -> None:
    """Nobody awaits the batch; one task waits for the other pool, by `run_in_executor`, which shows in no chain."""
    batch = Pool(2, "executor", "batch", size=2, busy=2, queued=9, waiters=())
    asked = Pool(3, "executor", "asked", size=2, busy=2, queued=1, waiters=(1,))
    look = {
        "pools": (batch, asked),
        "tasks": (task(1, user("ask", 12)), task(2, library("to_thread"), user("ask", 13))),
    }

    told = pools(recording(one_process(task_looks=task_looks(look))))

    assert isinstance(told, Pools)
    waiting = {one.pool.name: (one.waiting_tasks, [site.line for site in one.waiters]) for one in told.pools}
    assert waiting == {"batch": (0, []), "asked": (1, [12])}


def collects(tid: int) -> ThreadLook:
    """A thread that waits for the result of work that it handed to a pool."""
    result = Frame("Future.result", "/usr/lib/python3.12/concurrent/futures/_base.py", 451)
    return ThreadLook(tid, (library("wait"), result, user("handler", 7)), call=SystemCall("futex"))


def test_one_thread_that_collects_its_own_work_has_handed_in_a_batch() -> None:
    use = only_pool(of(FULL, samples=thread_samples(*[[*READS, collects(200)]] * 20)))

    assert use.is_batch


def test_several_threads_that_wait_for_results_are_callers() -> None:
    use = only_pool(of(FULL, samples=thread_samples(*[[*READS, collects(200), collects(201)]] * 20)))

    assert not use.is_batch


def test_a_pool_that_nobody_collects_from_serves_callers_elsewhere() -> None:
    use = only_pool(of(FULL, samples=thread_samples(*[READS] * 20)))

    assert not use.is_batch


def sleeps(ran_ns: int = 0) -> list[ThreadLook]:
    """One member in a call, after it ran for so long since the look before."""
    return [ThreadLook(101, (library("recv"), ASK), ran_ns=ran_ns, call=SystemCall("recvfrom"))]


def test_a_member_that_ran_in_between_has_begun_a_new_wait() -> None:
    """Waits of 2, 3 and 4 looks at one line: the first and the last are cut off by the look, the second is whole."""
    looks = [sleeps(), sleeps(), sleeps(9), sleeps(), sleeps(), sleeps(9), sleeps(), sleeps(), sleeps()]

    use = only_pool(of(FULL, samples=thread_samples(*looks)))

    assert (use.held_s, use.call_s) == (pytest.approx(0.03), pytest.approx(0.03))
    assert [(site.share, site.episodes) for site in use.holders] == [(Share(9, 9), 3)]


def test_a_wait_that_outlasts_the_look_has_no_known_length() -> None:
    use = only_pool(of(FULL, samples=thread_samples(*[READS] * 9)))

    assert (use.held_s, use.call_s) == (pytest.approx(0.08), None)


def test_a_crew_counts_where_it_works_for_requests() -> None:
    crew = Pool(1, "crew", "Dispatcher", size=2, busy=2, queued=3, tids=(101, 102), waiters=())
    looks = task_looks({"pools": (crew,)}, {"pools": (crew,)})
    seen: dict[str, object] = {"task_looks": looks, "samples": thread_samples(READS, READS, READS, READS)}

    use = only_pool(recording(one_process(**seen, routes=((ASK, Route("GET", "/order")),))))
    others = pools(recording(one_process(**seen)))

    assert (use.full, use.queued_most, use.holders[0].culprit.function) == (Share(2, 2), 3, "ask_sdk")
    assert isinstance(others, Pools)
    assert others.pools == ()


def test_what_the_processes_of_a_job_pool_do_is_read_in_them() -> None:
    """Two processes at one line, four looks at each: eight looks, one place."""
    members = (201, 202)
    pool = Pool(1, "job pool", "Pool", size=2, busy=2, queued=3, tids=members, waiters=())
    master = one_process(task_looks=task_looks({"pools": (pool,)}))
    render = [ThreadLook(pid, (user("render", 8),), call=SystemCall("recvfrom")) for pid in members]
    children = [
        one_process(pid, samples=thread_samples(*[[look]] * 4)) for pid, look in zip(members, render, strict=True)
    ]

    use = only_pool(recording(master, *children))

    (site,) = use.holders
    assert (site.culprit.function, site.culprit.line, site.share) == ("render", 8, Share(8, 8))


def test_members_in_native_code_stand_for_the_tasks_that_await_them() -> None:
    """Both threads open a file; thread 101 does so for a task at line 50, of 102 nobody knows for whom."""
    opens = [ThreadLook(tid, (library("_WorkItem.run"),), call=SystemCall("openat")) for tid in (101, 102)]
    asked = (Conversation(Party(tid=101), for_task=7), Conversation(Party(tid=102)))
    look = {"pools": (FULL,), "tasks": (task(7, ASK),), "conversations": asked}
    process = one_process(task_looks=task_looks(look, look), threads=THREADS, samples=thread_samples(opens, opens))

    use = only_pool(recording(process))

    assert sorted((site.culprit.function, site.culprit.line, site.share.count) for site in use.holders) == [
        ("_WorkItem.run", 1, 2),
        ("ask_sdk", 50, 2),
    ]


def test_members_work_for_the_request_of_the_tasks_that_await_them() -> None:
    """Another request was met in the library's function that both go through."""
    handles = library("handle", 577)
    asks = task(7, user("report", 9), handles, route=Route("GET", "/reports"))
    talk = Conversation(Party(tid=101), for_task=7)
    sleeps = [ThreadLook(101, (library("_worker", 90),), call=SystemCall("clock_nanosleep"))]
    seen = recording(
        one_process(
            samples=thread_samples(sleeps, sleeps),
            threads=THREADS,
            task_looks=task_looks({"pools": (FULL,), "tasks": (asks,), "conversations": (talk,)}),
            routes=((handles, Route("GET", "/ping")),),
        )
    )

    (site,) = only_pool(seen).holders

    assert (site.culprit.function, site.culprit.route) == ("report", "GET /reports")


def test_a_member_works_for_the_same_task_from_when_it_ran_last_until_it_runs_again() -> None:
    """It fell asleep for task 8 at 0.1 s; the slow look at 0.25 s is the first to see for whom."""
    asleep = [ThreadLook(101, (library("_WorkItem.run"),), call=SystemCall("openat"), ran_ns=ran) for ran in (9, 0)]
    samples = tuple(Sample(0.05 * n, (asleep[n not in {0, 2}],)) for n in range(10))
    tasks = (task(7, user("other", 60)), task(8, ASK))
    looks = [
        {"pools": (FULL,), "tasks": tasks, "conversations": (Conversation(Party(tid=101), for_task=n),)} for n in (7, 8)
    ]
    process = one_process(task_looks=task_looks(*looks), threads=THREADS, samples=samples)

    use = only_pool(recording(process))

    assert sorted((site.culprit.function, site.share.count, site.longest_s) for site in use.holders) == [
        ("ask_sdk", 8, pytest.approx(0.35)),
        ("other", 2, pytest.approx(0.05)),
    ]
