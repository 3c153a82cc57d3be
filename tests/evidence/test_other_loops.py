"""Loops of libraries that are not asyncio: what their looks say, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import EPOLL_WAIT, PID, TEN_MS, library, one_process, recording, thread_samples, user

from spindoctor.evidence.loops import loops
from spindoctor.model.facts import Loop, Loops
from spindoctor.model.frames import Frame
from spindoctor.model.process import Descriptor, Epoll, EpollEntry, Socket
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.rule import Absent
from spindoctor.model.sample import Beneath, SystemCall, ThreadLook
from spindoctor.model.share import Share

START, GOES_ROUND, POLL, DISPATCH = user("<module>", 9), library("main_loop"), library("do_poll"), library("dispatch")
EPOLL_FD = 5

POLLING = ThreadLook(PID, (POLL, GOES_ROUND, START), call=EPOLL_WAIT)
BLOCKED = ThreadLook(PID, (library("recv"), user("ask", 7), DISPATCH, GOES_ROUND, START), call=SystemCall("recvfrom"))
COMPUTES = ThreadLook(PID, (user("report", 3), DISPATCH, GOES_ROUND, START), ran_ns=TEN_MS)
BETWEEN = ThreadLook(PID, (POLL, GOES_ROUND, START), ran_ns=TEN_MS)


def socket(fd: int, state: str) -> Descriptor:
    return Descriptor(fd, "socket", 100 + fd, "socket", Socket(100 + fd, "tcp", "127.0.0.1:1", "", state))


def service(*looks: ThreadLook, sockets: tuple[str, ...] = ("LISTEN",), loop: int | None = None) -> ProcessRecording:
    descriptors = tuple(socket(fd, state) for fd, state in enumerate(sockets))
    entries = tuple(EpollEntry(one.fd, 1, one.inode) for one in descriptors)
    return one_process(
        samples=thread_samples(*[[look] for look in looks]),
        threads=(ThreadUse(PID, "MainThread", "python", loop=loop, loop_epoll=EPOLL_FD),),
        descriptors=descriptors,
        epolls=(Epoll(PID, EPOLL_FD, entries),),
    )


def only_loop(process: ProcessRecording) -> Loop:
    told = loops(recording(process))
    assert isinstance(told, Loops)
    (loop,) = told.loops
    return loop


def test_waiting_in_user_code_that_a_library_calls_from_its_loop_is_waiting_inside_a_callback() -> None:
    loop = only_loop(service(POLLING, BLOCKED, BLOCKED, COMPUTES, BETWEEN))

    assert (loop.idle, loop.waiting, loop.computing, loop.spinning) == (
        Share(1, 5),
        Share(2, 5),
        Share(1, 5),
        Share(1, 5),
    )
    assert [(site.culprit.function, site.culprit.line) for site in loop.waits] == [("ask", 7)]
    assert (loop.loop_type, loop.turns) == ("loop of main_loop", None)


def test_looks_at_such_a_loop_are_never_one_run_because_its_turns_do_not_show() -> None:
    loop = only_loop(service(*[COMPUTES] * 20, POLLING))

    assert (loop.computing, loop.held, loop.one_callback) == (Share(20, 21), Share(0, 21), Share(1, 21))


def test_a_loop_that_is_blocked_in_every_look_is_told_by_its_epoll_alone() -> None:
    loop = only_loop(service(BLOCKED, BLOCKED))

    assert loop.waiting == Share(2, 2)


def test_a_loop_that_a_fork_has_left_to_a_child_is_run_by_nobody_there() -> None:
    """The child works for itself below it; one that has accepted, or that polls, runs the loop."""
    child = service(BLOCKED, BLOCKED)
    shared = tuple(replace(one, shared_with=((PID + 1, EPOLL_FD),)) for one in child.epolls)

    assert isinstance(loops(recording(replace(child, epolls=shared))), Absent)
    serves = service(BLOCKED, BLOCKED, sockets=("LISTEN", "CLOSE_WAIT"))
    assert only_loop(replace(serves, epolls=shared)).waiting == Share(2, 2)
    polls = replace(POLLING, call=SystemCall("epoll_wait", (EPOLL_FD,)))
    assert only_loop(replace(service(polls, BLOCKED), epolls=shared)).waiting == Share(1, 2)


def test_a_child_forked_inside_a_callback_runs_no_loop_though_it_has_the_clients_connection() -> None:
    """As the worker of a process pool that was started by the first request: it waits for its next piece of work."""
    launch = Frame("Popen._launch", "/usr/lib/python3.12/multiprocessing/popen_fork.py", 71)
    idle = replace(BLOCKED, stack=(library("get_job"), launch, user("submit", 7), DISPATCH, GOES_ROUND, START))
    child = service(idle, idle, sockets=("LISTEN", "CLOSE_WAIT"))
    shared = tuple(replace(one, shared_with=((PID + 1, EPOLL_FD),)) for one in child.epolls)

    assert isinstance(loops(recording(replace(child, epolls=shared))), Absent)


def test_a_child_that_was_forked_before_the_loop_runs_it_though_it_never_rests() -> None:
    """As a worker that a supervisor forked, which has clients and computes for them in every look."""
    launch = Frame("Popen._launch", "/usr/lib/python3.12/multiprocessing/popen_fork.py", 71)
    busy = replace(COMPUTES, stack=(user("report", 3), DISPATCH, GOES_ROUND, launch, library("start"), START))
    child = service(busy, busy, sockets=("LISTEN", "CLOSE_WAIT"))
    shared = tuple(replace(one, shared_with=((PID + 1, EPOLL_FD),)) for one in child.epolls)

    assert only_loop(replace(child, epolls=shared)).computing == Share(2, 2)


def test_many_connections_make_a_loop_too_and_one_to_a_broker_does_not() -> None:
    crawler = service(POLLING, BLOCKED, sockets=("ESTABLISHED",) * 4)
    consumer = service(POLLING, BLOCKED, sockets=("ESTABLISHED",))

    assert only_loop(crawler).waiting == Share(1, 2)
    assert isinstance(loops(recording(consumer)), Absent)


@pytest.mark.parametrize("start", [(START,), (user("serve"), START)], ids=["module", "function"])
def test_a_loop_in_the_users_own_code_is_his_own_business(start: tuple[Frame, ...]) -> None:
    """Who polls and handles in turn in his own function may have meant it."""
    polls = ThreadLook(PID, (library("select"), *start), call=EPOLL_WAIT)
    handles = ThreadLook(PID, (user("handle", 7), *start), call=SystemCall("recvfrom"))

    assert isinstance(loops(recording(service(polls, handles))), Absent)


def worker(tid: int, loop: int | None = None) -> ThreadUse:
    return ThreadUse(tid, f"worker-{tid}", "python", loop=loop, loop_epoll=EPOLL_FD)


def test_a_worker_that_can_reach_the_loops_epoll_runs_no_loop() -> None:
    """The future that it works for knows the loop; the loop's thread is the one that waits there, or the main one."""
    stack = (library("recv"), user("ask", 7), library("run"), library("_worker"))
    busy = ThreadLook(200, stack, call=SystemCall("recvfrom"))
    base = service(POLLING)
    both = replace(base, samples=thread_samples([POLLING, busy], [BLOCKED, busy]), threads=(*base.threads, worker(200)))
    of_asyncio = replace(both, threads=(worker(PID, loop=0xA0), worker(200)))

    assert only_loop(both).tid == PID
    assert isinstance(loops(recording(of_asyncio)), Absent)


def test_a_loop_beside_the_main_thread_is_told_by_where_it_waits() -> None:
    polls = replace(POLLING, tid=200, call=SystemCall("epoll_wait", (EPOLL_FD, 0, 10, 1000)))
    base = service(POLLING)
    process = replace(base, samples=thread_samples([BLOCKED, polls]), threads=(*base.threads, worker(200)))

    assert only_loop(process).tid == 200


def test_asyncio_loops_are_not_told_twice() -> None:
    assert isinstance(loops(recording(service(POLLING, BLOCKED, loop=0xA0))), Absent)


def beneath(held: int, clock: int | None = None) -> ThreadLook:
    return replace(COMPUTES, beneath=Beneath(held, clock))


def test_what_lies_beneath_the_users_code_is_the_same_for_as_long_as_one_run_lasts() -> None:
    """Two runs of 12 looks, 10 ms each, on a loop that reads no clock: both are longer than 0.1 s."""
    loop = only_loop(service(*[beneath(7)] * 12, POLLING, *[beneath(8)] * 12))

    assert (loop.held, loop.one_callback, loop.turns) == (Share(24, 25), Share(12, 25), None)


def test_short_runs_of_a_loop_without_a_clock_are_not_taken_for_long_ones() -> None:
    assert only_loop(service(*[look for n in range(8) for look in [beneath(n)] * 3])).held == Share(0, 24)


def test_a_clock_that_is_read_in_each_turn_tells_runs_of_three_looks() -> None:
    """Ten turns of three looks: 30 ms each. What is held is the same where memory is used again."""
    loop = only_loop(service(*[look for n in range(10) for look in [beneath(7, n)] * 3]))

    assert (loop.held, loop.one_callback, loop.turns) == (Share(30, 30), Share(3, 30), 9)


def test_a_timeout_that_never_changes_is_no_clock() -> None:
    assert only_loop(service(*[beneath(n, 60) for n in range(20)])).turns is None


def test_a_torn_stack_does_not_hide_the_loop() -> None:
    """A generator between two steps shows without its callers."""
    torn = ThreadLook(PID, (library("encode"),), ran_ns=TEN_MS)

    loop = only_loop(service(*[COMPUTES] * 9, torn, *[COMPUTES] * 9))

    assert loop.computing == Share(18, 18)
