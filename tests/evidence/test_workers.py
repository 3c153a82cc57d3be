"""Servers whose workers all stand in requests while connections wait; counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import LOOP, library, one_process, recording, task, task_looks, user

from spindoctor.evidence.workers import worker_pools
from spindoctor.model.frames import Frame
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import ProcessRecording, QueueLook, Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

MASTER, ONE, TWO = 100, 101, 102
SHOP = 9
LISTENS = Descriptor(3, "socket", SHOP, "socket:[9]", Socket(SHOP, "tcp", "0.0.0.0:8000", "", "LISTEN", 7))
CLIENT = Descriptor(5, "socket", 50, "socket:[50]", Socket(50, "tcp", "10.0.0.1:8000", "10.0.0.9:4711", "ESTABLISHED"))
UNIX = Descriptor(3, "socket", SHOP, "socket:[9]", Socket(SHOP, "unix", "/run/shop", "", "LISTEN"))
UNIX_CLIENT = Descriptor(5, "socket", 50, "socket:[50]", Socket(50, "unix", "/run/shop", "", "CONNECTED"))
ASK = user("ask_bank", 17)
AT_BANK = (library("urlopen"), ASK, library("handle", 180))
ROUTES = ((ASK, Route("GET", "/order")),)


def process(pid: int, *stack: Frame, call: str = "recvfrom", looks: int = 4, **seen: object) -> ProcessRecording:
    """Looks at one thread that never moves, ten milliseconds apart."""
    thread = ThreadLook(pid, stack, call=SystemCall(call, (5,)))
    samples = tuple(Sample(number / 100, (thread,)) for number in range(looks))
    known: dict[str, object] = {"threads": (ThreadUse(pid, "MainThread", "python"),), "descriptors": (LISTENS,)}
    return one_process(pid, samples=samples, **{**known, **seen})


def seen(*processes: ProcessRecording, waiting: tuple[int, ...] = (5, 6, 7, 7)) -> Recording:
    looks = tuple(QueueLook(number / 5, ((SHOP, count),)) for number, count in enumerate(waiting))
    return replace(recording(*processes), queue_looks=looks)


def test_workers_that_stand_in_requests_are_a_pool_and_their_master_is_none_of_them() -> None:
    """Two workers at one line for 4 looks each: 8 looks, two stays of 0.03 s; the master selects and has no request."""
    master = process(MASTER, library("select"), call="select")
    workers = [process(pid, *AT_BANK, routes=ROUTES) for pid in (ONE, TWO)]

    (use,) = worker_pools(seen(master, *workers))

    assert (use.pool.kind, use.pool.name, use.pool.size) == ("workers", "0.0.0.0:8000", 2)
    assert (use.full, use.queued_most, use.pool.queued, use.processes) == (Share(4, 4), 7, 7, (ONE, TWO))
    assert [(one.culprit.function, one.culprit.line, one.share, one.episodes) for one in use.holders] == [
        ("ask_bank", 17, Share(8, 8), 2)
    ]
    assert use.holders[0].longest_s == pytest.approx(0.03)


@pytest.mark.parametrize(("listens", "client"), [(LISTENS, CLIENT), (UNIX, UNIX_CLIENT)])
def test_who_has_a_connection_that_came_in_there_is_a_worker_though_no_request_is_known(
    listens: Descriptor, client: Descriptor
) -> None:
    (use,) = worker_pools(seen(process(ONE, *AT_BANK, descriptors=(listens, client))))

    assert (use.pool.size, use.holders[0].culprit.function) == (1, "ask_bank")


def test_threads_that_live_for_one_request_each_are_no_set_of_workers() -> None:
    """Each of fourteen looks meets two threads, of which one has just begun and the other is about to end."""
    looks = [
        tuple(ThreadLook(tid, AT_BANK, call=SystemCall("recvfrom", (5,))) for tid in (one, one + 1))
        for one in range(201, 215)
    ]
    samples = tuple(Sample(number / 100, threads) for number, threads in enumerate(looks))
    server = one_process(ONE, samples=samples, descriptors=(LISTENS,), routes=ROUTES)

    assert worker_pools(seen(server)) == []


def test_looks_in_which_nothing_waited_are_counted() -> None:
    (use,) = worker_pools(seen(process(ONE, *AT_BANK, routes=ROUTES), waiting=(1, 0, 0, 2)))

    assert (use.full, use.queued_most) == (Share(2, 4), 2)


def test_threads_that_work_for_requests_are_the_workers_of_a_process_that_has_them() -> None:
    """Three threads with requests; the main thread, which has none, waits for one of them to end."""
    threads = [ThreadLook(tid, AT_BANK, call=SystemCall("recvfrom")) for tid in (201, 202, 203)]
    main = ThreadLook(ONE, (user("serve", 4),), call=SystemCall("futex"))
    samples = tuple(Sample(number / 100, (main, *threads)) for number in range(4))
    use = ThreadUse(ONE, "MainThread", "python")
    one = one_process(ONE, samples=samples, threads=(use,), descriptors=(LISTENS,), routes=ROUTES)

    (pool,) = worker_pools(seen(one))

    assert (pool.pool.size, pool.processes) == (3, (ONE,))


@pytest.mark.parametrize(
    "one",
    [
        process(ONE, library("select"), call="select"),
        process(ONE, library("accept"), call="accept4", descriptors=(LISTENS, CLIENT)),
        process(ONE, *AT_BANK, routes=ROUTES, descriptor_limit=8),
        process(ONE, *AT_BANK, routes=ROUTES, descriptors=(CLIENT,)),
        process(ONE, *AT_BANK, routes=ROUTES, threads=(ThreadUse(ONE, "MainThread", "python", loop=7),)),
    ],
    ids=["no request", "it accepts", "no descriptor left", "not its socket", "an event loop"],
)
def test_what_is_no_worker_of_this_server_makes_no_pool(one: ProcessRecording) -> None:
    assert worker_pools(seen(one)) == []


def test_where_no_queue_was_followed_there_is_no_pool() -> None:
    assert worker_pools(recording(process(ONE, *AT_BANK, routes=ROUTES))) == []


def test_a_main_thread_beside_threads_that_serve_now_and_then_is_no_worker() -> None:
    """It accepts for them and waits for the GIL; each of them has a request in one look of three."""
    at_work = [ThreadLook(tid, AT_BANK, call=SystemCall("recvfrom")) for tid in (201, 202, 203)]
    free = [ThreadLook(tid, (library("get"),), call=SystemCall("futex")) for tid in (201, 202, 203)]
    main = ThreadLook(ONE, (user("serve", 4),), call=SystemCall("futex"))
    samples = tuple(
        Sample(number / 100, (main, *(at_work[i] if i == number % 3 else free[i] for i in range(3))))
        for number in range(6)
    )
    one = one_process(ONE, samples=samples, descriptors=(LISTENS, CLIENT), routes=ROUTES)

    assert worker_pools(seen(one)) == []


@pytest.mark.parametrize(("waiting", "is_pool"), [(2, True), (3, False)])
def test_connections_that_wait_for_who_accepts_to_get_the_gil_do_not_wait_for_a_worker(
    *, waiting: int, is_pool: bool
) -> None:
    """A request that computes and never lets the GIL go; of four looks the acceptor waits for it in two or three."""
    at_work = ThreadLook(201, AT_BANK, ran_ns=9_000_000)
    mains = [ThreadLook(ONE, (user("serve", 4),), waits_for_gil=number < waiting) for number in range(4)]
    samples = tuple(Sample(number / 100, (main, at_work)) for number, main in enumerate(mains))
    one = one_process(ONE, samples=samples, descriptors=(LISTENS, CLIENT), routes=ROUTES)

    assert bool(worker_pools(seen(one))) is is_pool


@pytest.mark.parametrize(("route", "is_pool"), [(Route("GET", "/order"), True), (None, False)])
def test_a_loop_that_works_for_the_worker_that_waits_for_it_serves_nobody_else(
    route: Route | None, *, is_pool: bool
) -> None:
    """The task in it has the same request in hand; one that has none may serve others."""
    handle, loop = library("handle", 180), ThreadUse(105, "", "python", loop=LOOP)
    asks = task(7, ASK, library("main_wrap"), route=route)
    worker = process(
        ONE,
        library("wait"),
        handle,
        call="futex",
        threads=(ThreadUse(ONE, "MainThread", "python"), loop),
        task_looks=task_looks(*[{"tasks": (asks,)}] * 8),
        routes=((handle, Route("GET", "/order")),),
    )

    pools = worker_pools(seen(worker))

    assert [(one.pool.size, one.holders[0].culprit.function) for one in pools] == [(1, "ask_bank")] * is_pool
