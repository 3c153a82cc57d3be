"""Which request a thread works for, by the frames of its stack."""

from __future__ import annotations

from dataclasses import replace

from recordings import library, one_process, task, task_looks, thread_samples, user

from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.model.sample import ThreadLook

RUN = Frame("Thread.run", "/usr/lib/python3.12/threading.py", 1010)
ITEM = Route("GET", "/items/5")
SERVES = (user("item", 12), library("service", 167), RUN)
COMPUTES = (user("refresh", 8), RUN)
IDLE = (library("get", 71), RUN)


def test_a_thread_that_serves_nobody_shares_how_threads_begin_and_no_request() -> None:
    """The route was noted at every frame of the stack that served it."""
    looks = [[ThreadLook(101, SERVES if number % 2 else IDLE), ThreadLook(102, COMPUTES)] for number in range(6)]
    process = one_process(samples=thread_samples(*looks), routes=tuple((frame, ITEM) for frame in SERVES))

    namer = Namer(process)

    assert (namer.route(SERVES), namer.route((user("other", 3), *SERVES[1:]))) == ("GET /items/{}", "GET /items/{}")
    assert (namer.route(COMPUTES), namer.route(IDLE)) == (None, None)


def test_threads_that_serve_one_request_all_along_keep_it() -> None:
    """They never leave the line of the service's own code, which is a request's all the same."""
    looks = [[ThreadLook(101, SERVES), ThreadLook(102, SERVES)]] * 6
    process = one_process(samples=thread_samples(*looks), routes=tuple((frame, ITEM) for frame in SERVES))

    assert Namer(process).route(SERVES) == "GET /items/{}"


def test_a_function_that_requests_call_is_no_request_where_another_thread_calls_it() -> None:
    helper = user("helper", 30)
    serving, computing = (helper, *SERVES), (helper, *COMPUTES)
    looks = [[ThreadLook(101, serving), ThreadLook(102, computing)]] * 3
    process = one_process(samples=thread_samples(*looks), routes=tuple((frame, ITEM) for frame in serving[:-1]))

    namer = Namer(process)

    assert (namer.route(serving), namer.route(computing)) == ("GET /items/{}", None)


def test_a_worker_that_a_request_forked_works_for_none() -> None:
    launch = Frame("Popen._launch", "/usr/lib/python3.12/multiprocessing/popen_fork.py", 71)
    waits = (library("get_job"), launch, *SERVES)
    process = one_process(samples=thread_samples([ThreadLook(101, waits)]), routes=((SERVES[0], ITEM),))

    assert Namer(process).route(waits) is None


def test_a_request_that_only_the_innermost_function_knows_is_found() -> None:
    process = one_process(samples=thread_samples([ThreadLook(101, SERVES)]), routes=((SERVES[0], ITEM),))

    assert Namer(process).route(SERVES) == "GET /items/{}"


def test_the_request_that_was_read_with_the_stacks_is_named_first() -> None:
    look = ThreadLook(101, SERVES, route=Route("GET", "/orders/7"))
    process = one_process(samples=thread_samples([look]), routes=tuple((frame, ITEM) for frame in SERVES))

    (site,) = group([Moment(0.0, look, SERVES, 1)], Namer(process), 101, 1)

    assert site.culprit.route == "GET /orders/{}"


def test_who_calls_a_helper_most_often_is_told() -> None:
    """Neither the helper itself, where it stands further out again, nor a function of a library."""
    helper, inner = user("helper", 30), user("helper", 31)
    middleware, handler = (library("call", 9), user("dispatch", 40), RUN), (user("item", 12), RUN)
    stacks = [(helper, inner, *middleware), (helper, *middleware), (inner, *handler)]
    moments = [Moment(number / 100, ThreadLook(101, stack), stack, 1) for number, stack in enumerate(stacks)]

    (site,) = group(moments, Namer(one_process()), 101, len(moments))
    (alone,) = group(moments[:1], Namer(one_process()), 101, 1)
    (bare,) = group([Moment(0.0, ThreadLook(101, COMPUTES), COMPUTES, 1)], Namer(one_process()), 101, 1)

    callers = [one.caller and (one.caller.function, one.caller.line) for one in (site, alone, bare)]
    assert site.culprit.function == "helper"
    assert callers == [("dispatch", 40), ("dispatch", 40), None]


def test_a_librarys_function_that_other_requests_go_through_too_tells_no_request() -> None:
    """Of the two requests only the one on the loop was noted at the library's function; the task of the other waits."""
    waits, handles = user("wait", 20), library("handle", 577)
    other = task(9, waits, handles, route=Route("GET", "/slow"))
    process = one_process(task_looks=task_looks({"tasks": (other,)}), routes=((SERVES[0], ITEM), (handles, ITEM)))

    namer = Namer(process)

    assert namer.route((waits, handles)) is None
    assert namer.route((waits, handles), 9) == "GET /slow"
    assert namer.route((SERVES[0], handles)) == "GET /items/{}"


def test_a_task_at_an_address_that_another_had_is_named_by_where_it_begins() -> None:
    """Two tasks had the place one after the other: what runs begins where the second does."""
    idle = task(7, user("idle", 3), coroutine="Server.idle")
    serves = task(7, user("handle", 9), coroutine="Server.handle")
    looks = task_looks({"tasks": (replace(serves, name="app"),)}, {"tasks": (replace(idle, name="timer"),)})
    namer = Namer(one_process(task_looks=looks))

    assert namer.culprit((user("hash", 8), user("handle", 9)), task=7).task == "app"
    assert namer.culprit((user("hash", 8), user("Other.handle", 9)), task=7).task == "app"
    assert namer.culprit((user("hash", 8), user("render", 9)), task=7).task is None
    assert namer.culprit((user("hash", 8),), task=7).task is None


def test_the_only_task_met_at_an_address_is_named_for_a_single_frame() -> None:
    namer = Namer(one_process(task_looks=task_looks({"tasks": (task(7, user("handle", 9), route=ITEM),)})))

    assert namer.culprit((user("hash", 8),), task=7).task == "Task-7"
    assert namer.culprit((user("hash", 8),), task=7).route == str(ITEM)
    assert namer.culprit((user("hash", 8), user("render", 9)), task=7).route is None
