"""Looks become weighted stacks, and none of them stands for more than was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import (
    LOOP,
    PID,
    SELECT,
    Seen,
    at_loop,
    idle,
    inside,
    main_thread,
    one_process,
    recording,
    spinning,
    task,
    task_looks,
    thread_samples,
    user,
)

from spindoctor.evidence.profile import profile
from spindoctor.model.frames import Frame
from spindoctor.model.profile import Profile, Spot
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook, SystemCall, ThreadLook
from spindoctor.model.tasks import Task

WORKER = Frame("_worker", "/usr/lib/python3.12/concurrent/futures/thread.py", 81)


def spots(found: Profile) -> list[Spot]:
    return [spot for lane in found.lanes for spot in lane.spots]


def names(spot: Spot) -> list[str]:
    return [frame.function for frame in spot.stack]


def with_tasks(seen: Recording, *tasks: Task) -> Recording:
    (process,) = seen.processes
    return replace(seen, processes=(replace(process, task_looks=task_looks({"tasks": tasks})),))


def test_a_callback_stands_without_the_loops_machinery() -> None:
    (spot,) = spots(profile(at_loop(inside(user("inner"), user("outer")), user_s=1.0)))

    assert names(spot) == ["outer", "inner"]
    assert spot.state == "native"


def test_between_two_turns_the_loop_itself_runs() -> None:
    runs = Frame("BaseEventLoop.run_forever", "/usr/lib/python3.12/asyncio/base_events.py", 641)
    look = ThreadLook(PID, (runs, user("serve"), user("<module>")), ran_ns=1)

    (spot,) = spots(profile(at_loop((look, LoopLook(PID, LOOP)), user_s=1.0)))

    assert names(spot) == ["[event loop]"]


def test_who_awaits_a_task_stands_above_it() -> None:
    waiting = task(7, user("leaf"), user("top"), awaited_by=(8,))
    parent = task(8, user("gather"), user("serve"))
    seen = at_loop(inside(user("deep"), user("leaf"), user("top"), task=7), user_s=1.0)

    main = profile(with_tasks(seen, waiting, parent)).lanes[0]

    assert names(main.spots[0]) == ["[task work]", "serve", "gather", "[task work]", "top", "leaf", "deep"]


def test_two_tasks_that_await_each_other_end_the_row() -> None:
    one, two = task(7, user("one"), awaited_by=(8,)), task(8, user("two"), awaited_by=(7,))
    looks = task_looks({"tasks": (one, two)}, {"tasks": (one, two)})

    (lane,) = profile(recording(one_process(task_looks=looks))).lanes

    assert [names(spot) for spot in lane.spots] == [
        ["[task work]", "two", "[task work]", "one"],
        ["[task work]", "one", "[task work]", "two"],
    ]


def test_a_task_at_a_reused_address_is_not_taken_for_the_one_that_runs() -> None:
    other = task(7, user("leaf"), user("another_request"), awaited_by=(8,), route=Route("GET", "/other"))
    seen = at_loop(inside(user("top"), task=7), user_s=1.0)

    spot = profile(with_tasks(seen, other, task(8, user("parent")))).lanes[0].spots[0]

    assert names(spot) == ["[task top]", "top"]
    assert spot.route is None


def stand_alike(*looks: tuple[ThreadLook, LoopLook], tasks: tuple[Task, ...] = ()) -> list[list[str]]:
    """The stacks of looks at a loop, with these tasks met by a slow look."""
    seen = with_tasks(at_loop(*looks, user_s=1.0), *tasks)
    return [names(spot) for spot in profile(seen).lanes[0].spots]


def test_looks_at_one_kind_of_callback_stand_in_one_shape() -> None:
    """Which task runs is read a moment before or after the stack: most looks say what it is."""
    ran, torn = inside(user("serve"), task=7), inside(user("serve"))
    plain, other = inside(user("read_ready")), inside(user("read_ready"), task=7)

    assert stand_alike(ran, torn, ran) == [["[task serve]", "serve"]] * 3
    assert stand_alike(plain, other, plain) == [["read_ready"]] * 3


def test_a_task_that_no_slow_look_met_stands_where_others_of_its_kind_and_request_do() -> None:
    route = Route("GET", "/orders")
    met = (task(7, user("wait"), user("part"), awaited_by=(8,)), task(8, user("gather"), user("orders"), route=route))
    thread, loop = inside(user("burn"), user("part"), task=9)
    unmet = replace(thread, route=route), loop

    assert stand_alike(unmet, tasks=met) == [["[task work]", "orders", "gather", "[task work]", "part", "burn"]]
    assert stand_alike((thread, loop), tasks=met) == [["[task work]", "part", "burn"]]


def test_where_others_of_a_kind_stand_below_different_calls_none_is_guessed() -> None:
    route = Route("GET", "/orders")
    met = (
        task(7, user("wait"), user("part"), awaited_by=(8,)), task(8, user("gather"), user("orders"), route=route),
        task(10, user("wait"), user("part"), awaited_by=(11,)), task(11, user("group"), user("orders"), route=route),
    )  # fmt: skip
    thread, loop = inside(user("burn"), user("part"), task=9)

    assert stand_alike((replace(thread, route=route), loop), tasks=met) == [["[task work]", "part", "burn"]]


def test_a_task_works_for_the_request_of_the_nearest_that_awaits_it() -> None:
    route = Route("GET", "/orders", "/{what}")
    met = (task(7, user("part"), awaited_by=(8,)), task(8, user("orders"), route=route))

    waiting = profile(recording(one_process(task_looks=task_looks({"tasks": met}, {"tasks": met})))).lanes[0]

    assert {spot.route for spot in waiting.spots} == {"GET /{what}"}


def test_the_route_that_was_read_with_the_stack_comes_first() -> None:
    thread, loop = inside(user("top"), task=7)
    seen = at_loop((replace(thread, route=Route("GET", "/orders")), loop), user_s=1.0)

    assert spots(profile(seen))[0].route == "GET /orders"


def test_looks_on_a_cpu_stand_for_no_more_cpu_than_the_thread_used() -> None:
    seen = at_loop(*(inside(user("top")) for _ in range(10)), user_s=0.02)

    lane = profile(seen).lanes[0]

    assert lane.met_s == pytest.approx(0.02)
    assert sum(spot.seconds for spot in lane.spots) == pytest.approx(0.1)


def test_looks_that_chance_made_too_few_stand_for_all_that_the_thread_used() -> None:
    """2 of 10 looks on a CPU; of 0.1 s it used 0.04 s, which 4 looks would have been."""
    seen = at_loop(*[inside(user("top"))] * 2, *[idle()] * 8, user_s=0.04)

    lane = profile(seen).lanes[0]

    assert lane.met_s == pytest.approx(0.04)
    assert lane.weighted == lane.spots


def test_cpu_that_chance_cannot_explain_is_named_and_given_to_no_stack() -> None:
    """2 of 10 looks: the 95 % interval ends at 0.51 (Wilson), so that 0.051 s of 0.1 s may be theirs."""
    seen = at_loop(*[inside(user("top"))] * 2, *[idle()] * 8, user_s=0.09)

    lane = profile(seen).lanes[0]

    assert lane.met_s == pytest.approx(0.051, abs=0.0005)
    rest = lane.weighted[-1]
    assert (rest.state, rest.seconds, names(rest)) == ("unseen", 0.0, ["[on a CPU between two looks]"])
    assert sum(spot.cpu_ns for spot in lane.weighted) / 1e9 == pytest.approx(0.09)


def test_a_thread_that_no_look_met_on_a_cpu_has_its_cpu_between_the_looks() -> None:
    lane = profile(at_loop(idle(), idle(), user_s=0.01)).lanes[0]

    assert (lane.met_s, lane.weighted[-1].weight_s) == (0.0, 0.01)


def test_cpu_of_threads_that_have_ended_is_not_lost() -> None:
    """Thread 7 was seen to use 0.02 s, and of 0.5 s that the process used 0.38 s are of threads that no look met."""
    look = ThreadLook(7, (user("job"),), ran_ns=10_000_000)
    process = one_process(samples=thread_samples([look], [look]), threads=(ThreadUse(PID, "main", "python", 0.1),))
    seen = recording(replace(process, user_s=0.5))

    lanes = profile(seen).lanes

    assert [(lane.tid, lane.name, round(lane.cpu_s, 3)) for lane in lanes] == [
        (0, "threads that ended", 0.38),
        (7, "thread that ended", 0.02),
    ]


def test_a_stack_that_could_not_be_read_says_so() -> None:
    torn = ThreadLook(7, ran_ns=1, is_complete=False)
    half = ThreadLook(8, (user("leaf"),), ran_ns=1, is_complete=False)
    native = ThreadLook(9, ran_ns=1)

    found = profile(recording(one_process(samples=thread_samples([torn, half, native]))))

    assert {lane.tid: names(lane.spots[0]) for lane in found.lanes} == {
        7: ["[its stack changed while it was read]"],
        8: ["[outer calls not read]", "leaf"],
        9: ["[no Python code]"],
    }


def in_selector(ran_ns: int) -> Seen:
    return ThreadLook(PID, (SELECT,), ran_ns=ran_ns), LoopLook(PID, LOOP, polls=True, poll_timeout_s=1.0)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (inside(user("top"), gil=True), "gil"),
        (inside(user("top"), call="recvfrom"), "call"),
        (inside(user("top"), ran_ns=0), "ready"),
        (inside(user("top")), "native"),
        (idle(), "idle"),
        (spinning(0.5), "native"),
        (in_selector(9_000_000), "native"),
        (in_selector(1_000_000), "idle"),
    ],
)
def test_the_state_of_a_loops_thread(seen: Seen, state: str) -> None:
    """A loop that spins in its selector runs; one that was met between waking and sleeping does not."""
    assert spots(profile(at_loop(seen, user_s=1.0)))[0].state == state


@pytest.mark.parametrize(
    ("call", "route", "state"),
    [
        (SystemCall("epoll_wait", (5, 0, 0, 1000)), None, "idle"),
        (SystemCall("epoll_wait", (6, 0, 0, 1000)), None, "call"),
        (SystemCall("read", (5,)), None, "call"),
        (SystemCall("epoll_wait", (5, 0, 0, 1000)), Route("GET", "/a"), "call"),
    ],
    ids=["its own epoll", "another", "another call", "during a request"],
)
def test_who_sleeps_in_the_epoll_that_its_outer_functions_work_with_is_idle(
    call: SystemCall, route: Route | None, state: str
) -> None:
    look = ThreadLook(PID, (user("go_round"),), call=call, route=route)
    uses = (ThreadUse(PID, "MainThread", "python", loop_epoll=5),)
    found = profile(recording(one_process(samples=thread_samples([look]), threads=uses)))

    assert found.lanes[0].spots[0].state == state


TAKES = (
    Frame("Condition.wait", "/usr/lib/python3.12/threading.py", 355),
    Frame("get", "/usr/lib/python3.8/queue.py", 170),
)
THEIRS = Frame("WorkerThread.run", "/venv/lib/python3.12/site-packages/anyio/_backends/_asyncio.py", 961)


@pytest.mark.parametrize(
    ("stack", "state"),
    [
        ((WORKER,), "idle"),
        ((user("job"), WORKER), "call"),
        ((*TAKES, THEIRS), "idle"),
        ((*TAKES, user("waits_for_an_answer"), THEIRS), "call"),
        ((TAKES[0], THEIRS), "call"),
    ],
)
def test_a_worker_is_idle_only_without_work(stack: tuple[Frame, ...], state: str) -> None:
    look = ThreadLook(7, stack, call=SystemCall("futex"))
    seen = recording(one_process(samples=thread_samples([look]), threads=(ThreadUse(7, "pool_0", "python"),)))

    assert spots(profile(seen))[0].state == state


def test_a_suspended_task_stands_for_the_time_since_the_slow_look_before() -> None:
    waiting = task(7, user("leaf"), user("top"), waits_on="_asyncio.Future", route=Route("GET", "/slow"))
    process = one_process(
        samples=(), threads=(main_thread(),), task_looks=task_looks({"tasks": (waiting,)}, {"tasks": (waiting,)})
    )

    (lane,) = profile(recording(process)).lanes

    assert [(spot.at_s, spot.seconds, spot.route) for spot in lane.spots] == [(0.25, 0.25, "GET /slow")]
    assert lane.spots[0].path[-1].function == "[awaits _asyncio.Future]"


def test_a_thread_that_ended_keeps_its_looks() -> None:
    seen = recording(one_process(samples=thread_samples([ThreadLook(9, (user("top"),), ran_ns=1)])))

    assert [lane.name for lane in profile(seen).lanes] == ["thread that ended"]
