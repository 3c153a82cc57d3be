"""Which request a thread works for, by the frames of its stack."""

from __future__ import annotations

from recordings import library, one_process, thread_samples, user

from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Frame
from spindoctor.model.sample import ThreadLook
from spindoctor.model.tasks import Route

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

    assert (namer.route(SERVES), namer.route((user("other", 3), *SERVES[1:]))) == ("GET /items/5", "GET /items/5")
    assert (namer.route(COMPUTES), namer.route(IDLE)) == (None, None)


def test_threads_that_serve_one_request_all_along_keep_it() -> None:
    """They never leave the line of the service's own code, which is a request's all the same."""
    looks = [[ThreadLook(101, SERVES), ThreadLook(102, SERVES)]] * 6
    process = one_process(samples=thread_samples(*looks), routes=tuple((frame, ITEM) for frame in SERVES))

    assert Namer(process).route(SERVES) == "GET /items/5"
