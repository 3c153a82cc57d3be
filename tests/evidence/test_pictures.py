"""Timeline, cut and wait picture say what the recording says."""

from __future__ import annotations

from dataclasses import replace

from recordings import PID, at_loop, idle, inside, library, one_process, recording, user

from spindoctor.evidence.pictures import pictures
from spindoctor.evidence.waiting import waits
from spindoctor.model.locks import Party, Wait
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Pool, Task, TaskLook

FETCH = user("fetch", 7)
CULPRIT = Culprit(pid=PID, thread="MainThread", function="fetch", file="/srv/app.py", line=7)


def test_a_band_says_what_the_thread_did_when() -> None:
    """One second idle, one second in a call inside the culprit: each fills its half."""
    seen = [idle() for _ in range(100)] + [inside(FETCH, call="recvfrom") for _ in range(100)]
    drawn = pictures(replace(at_loop(*seen), seconds=2.0), CULPRIT)

    assert drawn.timeline is not None
    (band,) = drawn.timeline.bands
    assert band.is_culprit
    assert {state for shares in band.columns[:59] for state, _ in shares} == {"idle"}
    assert {state for shares in band.columns[61:] for state, _ in shares} == {"call"}


def test_threads_of_a_pool_are_one_band_and_idle_ones_none() -> None:
    call = SystemCall("recvfrom", (7,))
    waiter = SystemCall("futex", (1,))
    worker = (library("_worker"),)
    looks = tuple(ThreadLook(tid, (FETCH, *worker), call=call) for tid in (1, 2, 3))
    looks += (ThreadLook(4, (user("_worker"),), call=waiter),)
    uses = (*(ThreadUse(tid, f"pool_{tid}", "python") for tid in (1, 2, 3)), ThreadUse(4, "other", "python"))
    drawn = pictures(
        recording(one_process(samples=tuple(Sample(n / 100, looks) for n in range(100)), threads=uses), seconds=1.0),
        None,
    )

    assert drawn.timeline is not None
    assert [(band.name, band.threads) for band in drawn.timeline.bands if band.threads > 1] == [("pool", 2)]
    assert sum(band.threads for band in drawn.timeline.bands) + drawn.timeline.left_out == 4


def test_of_threads_without_cpu_those_that_wait_in_number_come_first() -> None:
    call = SystemCall("recvfrom", (7,))
    uses = (ThreadUse(1, "culprit", "python"), ThreadUse(2, "alone", "python", user_s=0.001))
    uses += tuple(ThreadUse(tid, f"pool_{tid}", "python") for tid in (3, 4, 5))
    looks = tuple(ThreadLook(use.tid, (FETCH,), call=call) for use in uses)
    process = one_process(samples=tuple(Sample(n / 100, looks) for n in range(100)), threads=uses)
    drawn = pictures(recording(process, seconds=1.0), Culprit(pid=PID, thread="culprit"))

    assert drawn.timeline is not None
    assert [band.name for band in drawn.timeline.bands] == ["culprit", "pool", "alone"]


def test_the_stacks_are_cut_to_the_culprit_and_its_callers() -> None:
    outer = tuple(user(f"outer_{n}") for n in range(6))
    stack = (library("recv"), FETCH, *outer)
    drawn = pictures(at_loop(*[inside(*stack, call="recvfrom")] * 50), CULPRIT)

    assert drawn.cut is not None
    assert (drawn.cut.through, drawn.cut.looks, drawn.cut.outer) == (50, 50, 4)
    names = [frame.function for frame in drawn.cut.profile.lanes[0].spots[0].stack]
    assert names == ["outer_1", "outer_0", "fetch", "recv"]


def test_a_culprit_on_few_stacks_cuts_nothing() -> None:
    seen = [inside(FETCH, call="recvfrom")] * 10 + [inside(user("other"), call="recvfrom")] * 90
    drawn = pictures(at_loop(*seen), CULPRIT)

    assert drawn.cut is not None
    assert (drawn.cut.through, drawn.cut.looks, drawn.cut.outer) == (None, 100, 0)


def test_without_looks_there_is_nothing_to_draw() -> None:
    drawn = pictures(recording(one_process()), None)

    assert (drawn.timeline, drawn.cut, drawn.waits) == (None, None, None)


def a_task(address: int, function: str, *awaited_by: int, route: str | None = None) -> Task:
    frame = user(function, address)
    return Task(
        address, f"Task-{address}", "pending", function, 1, frame, (frame,), "_asyncio.Future",
        awaited_by=awaited_by, route=Route("GET", route) if route else None,
    )  # fmt: skip


def waiting(look: TaskLook, *threads: ThreadLook) -> Recording:
    return recording(one_process(samples=(Sample(2.9, threads),), task_looks=(look,)))


def test_alike_tasks_are_one_group_above_what_they_wait_for() -> None:
    """Two handlers await one loader, which waits for a full pool, whose thread is asleep in user code."""
    tasks = (
        Task(1, "a", "pending", "handler", 1, None, (user("handler", 5),), "x", route=Route("GET", "/a")),
        Task(2, "b", "pending", "handler", 1, None, (user("handler", 5),), "x", route=Route("GET", "/a")),
        a_task(3, "load", 1, 2),
    )
    pool = Pool(9, "executor", "jobs", 1, 1, 1, tids=(7,), waiters=(3,))
    thread = ThreadLook(7, (FETCH,), call=SystemCall("recvfrom", (7,)))
    found = waits(waiting(TaskLook(2.9, tasks, 3, pools=(pool,)), thread))

    assert found is not None
    (root,) = found.roots
    assert (root.count, root.words, root.route, root.place) == (2, "handler, waits on x", "GET /a", "/srv/app.py:5")
    (load,) = root.then
    assert (load.count, load.words) == (2, "load, waits on _asyncio.Future")
    (full,) = load.then
    assert (full.kind, full.words) == ("pool", "executor jobs: 1 of 1 in use, 1 queued")
    (member,) = full.then
    assert (member.kind, member.words) == ("thread", "in fetch, asleep in recvfrom")


def test_a_circle_is_shown_once_and_said_to_be_one() -> None:
    tasks = (a_task(1, "left"), a_task(2, "right"))
    pairs = (
        Wait(Party(task=1), "task lock", 0x10, "Lock", (Party(task=2),)),
        Wait(Party(task=2), "task lock", 0x20, "Lock", (Party(task=1),)),
    )
    found = waits(waiting(TaskLook(2.9, tasks, 2, waits=pairs)))

    assert found is not None
    (root,) = found.roots
    chain = [root]
    while chain[-1].then:
        chain.append(chain[-1].then[0])
    assert [one.kind for one in chain] == ["task", "lock", "task", "lock", "task"]
    assert [one.is_circle for one in chain] == [False] * 4 + [True]


def test_an_orphaned_lock_is_said_to_be_one() -> None:
    thread = ThreadLook(7, (FETCH,), call=SystemCall("futex", (7,)))
    wait = Wait(Party(tid=7), "lock", 0x10, "_thread.lock", is_orphaned=True)
    found = waits(waiting(TaskLook(2.9, waits=(wait,)), thread))

    assert found is not None
    (root,) = found.roots
    assert root.then[0].words == "_thread.lock, which nobody in this process has"
