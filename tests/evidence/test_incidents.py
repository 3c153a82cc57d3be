"""Whole scenes, from what was seen to the ranked verdict."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

from recordings import (
    LOOP,
    PID,
    RUN_ONCE,
    SELECT,
    Seen,
    callback,
    idle,
    inside,
    library,
    main_thread,
    one_process,
    recording,
    spinning,
    task,
    task_looks,
    user,
)

from spindoctor.evidence import gather
from spindoctor.judging import judge, rank
from spindoctor.model.outcome import Finding, Found, Outcome
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import Candidate, ProcessRecording, Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import BARE_YIELD, Pool, Scope
from spindoctor.rules import ALL_RULES

LOOKS = 300
SLOW_LOOKS = 12
REQUEST = Route("GET", "/ask")


def outcomes(seen: Recording) -> dict[str, Outcome]:
    return judge(gather(seen), ALL_RULES, {one.pid: dict(one.packages) for one in seen.processes})


def faults(seen: Recording) -> list[str]:
    """The slugs of what is wrong, in order; information is left out."""
    told = outcomes(seen)
    return [slug for slug in rank(told) if any(one.severity != "info" for one in _found(told[slug]))]


def first(seen: Recording, slug: str) -> Finding:
    return _found(outcomes(seen)[slug])[0]


def _found(outcome: Outcome) -> tuple[Finding, ...]:
    return outcome.findings if isinstance(outcome, Found) else ()


def service(looks: list[Seen], others: list[ThreadLook] | None = None, **seen: Any) -> ProcessRecording:  # noqa: ANN401
    """Three seconds of a service: its loop's looks, and threads that do the same in all of them."""
    samples = tuple(
        Sample(number / 100, (thread, *(others or [])), (loop,)) for number, (thread, loop) in enumerate(looks)
    )
    return one_process(samples=samples, **seen)


def repeat(*looks: Seen) -> list[Seen]:
    return list(islice(cycle(looks), LOOKS))


def the_spin() -> list[Seen]:
    return [spinning(float(number)) for number in range(LOOKS)]


def a_done_task_in_a_scope() -> Scope:
    done = task(7, state="finished", route=REQUEST)
    deliver = "CancelScope._deliver_cancellation"
    return Scope(0x5C, "CancelScope", deliver, is_cancelled=True, host=done, tasks=(done,))


def a_full_executor() -> tuple[list[ThreadLook], tuple[ThreadUse, ...], Pool]:
    tids = tuple(range(201, 207))
    ask = (library("recv_into"), user("ask_sdk", 50), library("run"))
    looks = [ThreadLook(tid, ask, call=SystemCall("recvfrom")) for tid in tids]
    uses = tuple(ThreadUse(tid, f"asyncio_{number}", "python") for number, tid in enumerate(tids))
    return looks, uses, Pool(1, "executor", "asyncio", 6, 6, 9, tids, is_default=True)


def incident_a() -> Recording:
    looks, uses, pool = a_full_executor()
    slow = {"scopes": (a_done_task_in_a_scope(),), "pools": (pool,), "tasks": (task(8, route=REQUEST),)}
    process = service(
        the_spin(),
        looks,
        threads=(main_thread(user_s=2.8, system_s=0.17), *uses),
        user_s=2.8,
        system_s=0.2,
        task_looks=task_looks(*[slow] * SLOW_LOOKS),
        packages=(("anyio", "4.12.1"),),
        candidates=(Candidate("yield-in-scope", "sdk_stream", "/srv/app.py", 27),),
    )
    return recording(process)


def test_the_spin_is_found_before_the_full_executor_and_one_core_is_information() -> None:
    assert rank(outcomes(incident_a())) == ("undeliverable-cancellation", "pool-exhausted", "single-core-ceiling")


def test_each_of_the_two_names_its_culprit_and_its_symptom() -> None:
    spin, queue = first(incident_a(), "undeliverable-cancellation"), first(incident_a(), "pool-exhausted")

    assert (spin.culprit.task, spin.culprit.route, round(spin.cost.cores, 2)) == ("Task-7", "GET /ask", 0.99)
    assert [one.function for one in spin.candidates] == ["sdk_stream"]
    assert [bug.fixed_in for bug in spin.upstream] == ["4.14.2"]
    assert (queue.culprit.function, queue.culprit.line) == ("ask_sdk", 50)
    assert "core" in spin.explains
    assert "seconds" in queue.explains


def test_a_scope_that_is_left_in_order_is_no_finding() -> None:
    """The same looks at a loop that answers requests, with the scope in one slow look of twelve."""
    looks = repeat(idle(), spinning(1.0), inside(user("handler"), turn=2.0))
    slow = [{"tasks": (task(8, route=REQUEST),)}] * SLOW_LOOKS
    slow[5] = {**slow[5], "scopes": (a_done_task_in_a_scope(),)}

    process = service(looks, threads=(main_thread(user_s=1.2),), user_s=1.2, task_looks=task_looks(*slow))

    assert faults(recording(process)) == []


def worker(pid: int, sibling: int, looks: list[Seen], cpu_s: float, *has: Descriptor) -> ProcessRecording:
    moved = [
        Sample(
            number / 100,
            (ThreadLook(pid, look.stack, look.ran_ns, look.call),),
            (
                LoopLook(
                    pid, LOOP, polls=loop.polls, poll_timeout_s=loop.poll_timeout_s, turn=loop.turn, depth=loop.depth
                ),
            ),
        )
        for number, (look, loop) in enumerate(looks)
    ]
    return one_process(
        pid,
        samples=tuple(moved),
        threads=(main_thread(tid=pid, user_s=cpu_s),),
        user_s=cpu_s,
        descriptors=(Descriptor(4, "epoll", 1, ""), *has),
        epolls=(Epoll(pid, 4, (EpollEntry(9, 1, 900),), ((sibling, 4),)),),
    )


def incident_b() -> Recording:
    blocked = repeat(inside(user("slow", 14), turn=1.0, call="clock_nanosleep"))
    woken = [
        (
            ThreadLook(PID, (SELECT, RUN_ONCE), ran_ns=10_000_000),
            LoopLook(PID, LOOP, polls=True, poll_timeout_s=1.0, turn=float(number)),
        )
        for number in range(LOOKS)
    ]
    socket = Socket(900, "tcp", "127.0.0.1:8080", "127.0.0.1:40000", "CLOSE_WAIT")
    owner = worker(100, 101, blocked, 0.0, Descriptor(9, "socket", 900, "", socket))
    return recording(owner, worker(101, 100, woken, 2.97))


def test_the_shared_epoll_is_found_and_the_blocking_handler_apart_from_it() -> None:
    assert faults(incident_b()) == ["forked-event-loop", "blocking-call-on-loop"]


def test_the_burning_sibling_and_the_owner_are_told_apart() -> None:
    forked, blocking = first(incident_b(), "forked-event-loop"), first(incident_b(), "blocking-call-on-loop")

    assert (forked.culprit.pid, forked.culprits[0].pid) == (101, 100)
    assert (forked.culprits[1].function, forked.culprits[1].line) == ("slow", 14)
    assert (blocking.culprit.pid, blocking.culprit.function, blocking.culprit.line) == (100, "slow", 14)


def polling(*looks: Seen) -> Recording:
    """A task that polls with `await sleep(0)`: ready in every slow look."""
    poller = task(7, library("sleep"), user("Jobs.wait", 18), waits_on=BARE_YIELD)
    slow = {"tasks": (poller,), "callbacks": (callback("step", of_task=7),)}
    process = service(
        repeat(*looks), threads=(main_thread(user_s=2.9),), user_s=2.9, task_looks=task_looks(*[slow] * SLOW_LOOKS)
    )
    return recording(process)


def test_a_task_that_polls_is_a_storm() -> None:
    steps = [look for turn in (1.0, 2.0) for look in (inside(user("Jobs.wait", 18), turn=turn), spinning(turn))]

    assert faults(polling(*steps)) == ["callback-storm"]


def test_a_task_that_polls_under_uvloop_is_a_storm_and_no_run_without_an_end() -> None:
    """No turns and no timeouts can be read; the looks at the loop's own code tell the steps apart."""
    machinery = (ThreadLook(PID, (), ran_ns=10_000_000), LoopLook(PID, LOOP))
    outside = (ThreadLook(PID, (library("run"),), ran_ns=10_000_000), LoopLook(PID, LOOP))
    step = inside(user("Jobs.wait", 18), task=7)

    assert faults(polling(step, outside, machinery)) == ["callback-storm"]


def test_a_run_without_an_end_is_told_once_and_as_such() -> None:
    looks = [idle()] * 3 + repeat(inside(user("ws", 22), turn=1.0))[: LOOKS - 3]

    process = service(looks, threads=(main_thread(user_s=2.9),), user_s=2.9, task_looks=task_looks({}, {}))

    assert faults(recording(process)) == ["unyielding-coroutine"]


def test_a_long_computation_that_ends_is_told_as_such() -> None:
    looks = repeat(inside(user("render", 40), turn=1.0))[: LOOKS - 5] + [idle()] * 5

    process = service(looks, threads=(main_thread(user_s=2.9),), user_s=2.9, task_looks=task_looks({}, {}))

    assert faults(recording(process)) == ["cpu-bound-on-loop"]


def test_a_busy_honest_service_has_no_fault_and_is_said_to_be_well() -> None:
    """Ten different short callbacks, the selector between them, other tasks in each slow look."""
    handlers = [inside(user(f"handler_{n}", n), turn=float(n), task=n) for n in range(1, 11)]
    looks = repeat(*[look for handler in handlers for look in (handler, spinning(0.1), idle())])
    slow = [
        {"tasks": (task(n, route=REQUEST),), "callbacks": (callback("step", of_task=n),)} for n in range(SLOW_LOOKS)
    ]

    process = service(looks, threads=(main_thread(user_s=1.9),), user_s=1.9, task_looks=task_looks(*slow))
    told = outcomes(recording(process))

    assert faults(recording(process)) == []
    assert isinstance(told["nothing-wrong"], Found)
