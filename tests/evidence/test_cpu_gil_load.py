"""CPU, the GIL and the load, counted by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from recordings import (
    PID,
    at_loop,
    idle,
    main_thread,
    one_process,
    recording,
    task,
    task_looks,
    thread_samples,
    user,
)

from spindoctor.evidence.cpu import cpu_use
from spindoctor.evidence.gil import gil_use
from spindoctor.evidence.load import load
from spindoctor.model.cpu import CpuUse, Gil, GilUse
from spindoctor.model.facts import Load
from spindoctor.model.process import Descriptor, Machine, Socket
from spindoctor.model.recording import ProcessRecording, QueueLook, Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

CRUNCH = user("crunch", 5)
RUNS = ThreadLook(101, (CRUNCH,), ran_ns=10_000_000)
SLEEPS = ThreadLook(101, (user("wait", 9),), call=SystemCall("futex"))
WANTS_GIL = ThreadLook(102, (user("other", 7),), call=SystemCall("futex"), waits_for_gil=True)


WAITS = user("handler", 9)
SERVED = Socket(1, "tcp", "10.0.0.1:8080", "10.0.0.2:50000", "ESTABLISHED")
LISTENS = Socket(3, "tcp", "0.0.0.0:8080", "0.0.0.0:0", "LISTEN")


def at_port(descriptors: tuple[Descriptor, ...], at_s: float | None) -> ProcessRecording:
    return one_process(samples=thread_samples([RUNS]), descriptors=descriptors, descriptors_at_s=at_s)


def cpu_of(seen: Recording) -> CpuUse:
    told = cpu_use(seen)
    assert isinstance(told, CpuUse)
    return told


def test_cpu_is_cores_over_the_look_busiest_first() -> None:
    """0.3 and 2.7 s of CPU in 3 s are 0.1 and 0.9 cores."""
    quiet = ThreadUse(PID, "", "python", user_s=0.3)
    busy = ThreadUse(101, "crunch", "python", user_s=1.8, system_s=0.9, voluntary=30, queue_wait_s=1.5)

    told = cpu_of(recording(one_process(threads=(quiet, busy), user_s=2.1, system_s=0.9)))

    assert [(one.name, one.cores) for one in told.threads] == [
        ("crunch", pytest.approx(0.9)),
        ("python", pytest.approx(0.1)),
    ]
    assert told.threads[0].system_share == pytest.approx(1 / 3)
    assert (told.threads[0].sleeps_per_s, told.threads[0].queue_wait_share) == (10.0, 0.5)
    assert told.cores == pytest.approx(1.0)


def test_a_busy_thread_is_placed_where_it_ran_and_never_where_it_slept() -> None:
    """One look on the CPU against three asleep."""
    samples = thread_samples([SLEEPS], [SLEEPS], [RUNS], [SLEEPS])
    thread = ThreadUse(101, "crunch", "python", user_s=0.6)

    site = cpu_of(recording(one_process(samples=samples, threads=(thread,)))).threads[0].site

    assert site is not None
    assert (site.culprit.function, site.share) == ("crunch", Share(1, 4))


def test_a_thread_below_two_percent_of_a_core_has_no_place() -> None:
    thread = ThreadUse(101, "crunch", "python", user_s=0.05)

    told = cpu_of(recording(one_process(samples=thread_samples([RUNS]), threads=(thread,))))

    assert told.threads[0].site is None


def test_a_quota_below_the_affinity_is_what_is_allowed() -> None:
    process = one_process()

    assert cpu_of(recording(process, machine=Machine(8, 4))).allowed_cores == 4
    assert cpu_of(recording(process, machine=Machine(8, 4, quota_cores=1.5))).allowed_cores == 1.5
    assert cpu_of(recording(process, machine=Machine(8, 4, quota_cores=6.0))).allowed_cores == 4


def test_processes_have_their_roles() -> None:
    told = cpu_of(recording(one_process(100, user_s=0.3), one_process(101, user_s=3.0)))

    assert [(one.pid, one.role, one.cores) for one in told.processes] == [
        (101, "worker", 1.0),
        (100, "leader", pytest.approx(0.1)),
    ]


def test_a_look_that_took_no_time_tells_nothing_of_cpu() -> None:
    assert isinstance(cpu_use(recording(one_process(), seconds=0.0)), Missing)


def gil_of(seen: Recording) -> Gil:
    told = gil_use(seen)
    assert isinstance(told, GilUse)
    return told.processes[0]


def test_waiters_for_the_gil_are_counted_by_look_and_by_thread() -> None:
    """Four looks: in two of them one thread waits; 90 changes of hand in 3 s are 30 a second."""
    looks = [[RUNS, WANTS_GIL], [RUNS, WANTS_GIL], [RUNS], [RUNS]]
    samples = tuple(Sample(n / 100, tuple(seen), gil_switches=1000 + 30 * n) for n, seen in enumerate(looks))
    threads = (ThreadUse(102, "other", "python", user_s=0.01), ThreadUse(101, "crunch", "python", user_s=2.7))

    gil = gil_of(recording(one_process(samples=samples, threads=threads)))

    assert (gil.contended, gil.waiters, gil.switches_per_s) == (Share(2, 4), 0.5, pytest.approx(30))
    assert [(one.name, one.waits) for one in gil.threads] == [("crunch", Share(0, 4)), ("other", Share(2, 2))]
    assert [one.site.culprit.function for one in gil.threads if one.site] == ["crunch", "other"]


def hashing(*looks: ThreadLook, user_s: float = 2.7) -> Recording:
    threads = (ThreadUse(101, "hash", "python", user_s=user_s),)
    return recording(one_process(samples=thread_samples(*([one] for one in looks)), threads=threads))


def test_cpu_beyond_the_time_with_the_gil_was_used_without_it() -> None:
    """One of a hundred looks met it with the GIL: 5.4 at most of a hundred, so 0.846 of 0.9 cores are without it."""
    seen = hashing(replace(RUNS, has_gil=True), *[RUNS] * 99)

    told = cpu_of(seen).threads[0]
    assert told.has_gil == Share(1, 100)
    assert told.native_cores == pytest.approx(0.846, abs=0.001)
    assert gil_of(seen).threads[0].gil_cores == pytest.approx(0.054, abs=0.001)


def test_a_thread_that_queues_for_a_cpu_on_its_way_to_the_gil_has_not_given_it_up() -> None:
    """Met runnable in all of 100 looks and with the GIL in ten of them; of the time it used a tenth as well."""
    seen = hashing(*[replace(RUNS, has_gil=number < 10) for number in range(100)], user_s=0.3)

    assert cpu_of(seen).threads[0].native_cores == 0.0


def test_of_a_thread_that_was_met_in_its_naps_nothing_is_known_of_the_gil() -> None:
    """0.9 cores, and on the CPU in ten of a hundred looks: these are no sample of its work."""
    seen = hashing(*[RUNS] * 10, *[SLEEPS] * 90)

    assert cpu_of(seen).threads[0].has_gil == Share(0, 0)
    assert cpu_of(seen).threads[0].native_cores == 0.0


def test_the_gil_is_held_by_who_works_and_not_by_who_sleeps_with_it() -> None:
    works, sleeps = replace(RUNS, has_gil=True), replace(SLEEPS, has_gil=True)

    assert gil_of(hashing(*[works] * 8, *[sleeps] * 2, *[RUNS] * 2)).held == Share(8, 12)


def test_looks_at_threads_that_a_quota_stops_do_not_say_that_the_gil_is_held() -> None:
    seen = replace(hashing(*[replace(RUNS, has_gil=True)] * 9), machine=Machine(2, 2, throttled_s=0.4))

    assert gil_of(seen).held == Share(0, 0)


def test_another_futex_is_no_wait_for_the_gil() -> None:
    gil = gil_of(recording(one_process(samples=thread_samples([SLEEPS], [SLEEPS]))))

    assert (gil.contended, gil.waiters) == (Share(0, 2), 0.0)


def test_a_build_without_a_gil_has_no_struggle() -> None:
    told = gil_use(recording(one_process(samples=thread_samples([RUNS]), has_gil=False)))

    assert isinstance(told, Missing)


def test_load_counts_requests_tasks_and_connections_to_the_services_ports() -> None:
    """Two and one requests in two looks are 1.5 on average; one of three sockets is a client's."""
    first = task(1, route=Route("GET", "/a/1", "/a/{n}"))
    second = task(2, route=Route("GET", "/b"))
    sockets = [SERVED, Socket(2, "tcp", "10.0.0.1:50001", "10.0.0.3:5432", "ESTABLISHED"), LISTENS]
    process = one_process(
        samples=(*thread_samples([RUNS], [SLEEPS]),),
        task_looks=task_looks({"tasks": (first, second, task(3))}, {"tasks": (second, task(3))}),
        descriptors=tuple(Descriptor(fd, "socket", one.inode, "", one) for fd, one in enumerate(sockets)),
        descriptors_at_s=0.1,
        user_s=0.6,
    )

    told = load(recording(process))

    assert isinstance(told, Load)
    assert (told.requests, told.tasks, told.connections) == (1.5, 2, 1)
    assert (told.routes, told.active_looks) == (("GET /a/{n}", "GET /b"), Share(1, 2))
    assert told.cores == pytest.approx(0.2)


def test_a_client_that_sent_last_is_owed_an_answer_and_counts_once() -> None:
    """One asked 2 s ago and was last sent something 9 s ago, one was never answered; one was, one is no client."""
    asked = [(9.0, 2.0), (math.inf, 3.0), (1.0, 2.0), (None, None)]
    clients = [
        replace(SERVED, inode=number, sent_ago_s=sent_s, received_ago_s=received_s)
        for number, (sent_s, received_s) in enumerate(asked, 1)
    ]
    peer = Socket(9, "tcp", "10.0.0.1:50001", "10.0.0.3:5432", "ESTABLISHED", sent_ago_s=9.0, received_ago_s=1.0)
    held = tuple(Descriptor(fd, "socket", one.inode, "", one) for fd, one in enumerate([*clients, peer, LISTENS]))
    parent, child = (
        one_process(pid, samples=(*thread_samples([RUNS]),), descriptors=held, descriptors_at_s=0.1)
        for pid in (100, 101)
    )

    told = load(recording(parent, child))

    assert isinstance(told, Load)
    assert told.owed_s == (3.0, 2.0)


def test_requests_stand_only_where_none_of_them_moved() -> None:
    """Two at one line in both looks; then one of them a line on; then one that ended; then threads at work."""
    first, second = task(1, WAITS, route=Route("GET", "/a")), task(2, WAITS, route=Route("GET", "/b"))
    on = task(2, user("handler", 12), route=Route("GET", "/b"))
    both = {"tasks": (first, second, task(3))}
    scenes = [both], [both, both], [both, {"tasks": (first, on)}], [both, {"tasks": (first,)}]
    threads = [{**both, "thread_requests": 1}] * 2

    told = [
        load(recording(one_process(samples=thread_samples([RUNS]), task_looks=task_looks(*scene))))
        for scene in (*scenes, threads)
    ]

    assert [one.standing for one in told if isinstance(one, Load)] == [0, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("once", "looks", "queued"),
    [
        (1, [], 0),  # at a single moment: the next may accept it
        (4, [], 4),
        (1, [1, 0, 0, 0, 0], 0),
        (0, [0, 0, 0, 0, 1], 0),
        (0, [1, 0, 1, 0, 0], 0),
        (1, [1, 1, 1, 0, 0], 1),  # in most looks
        (0, [0, 0, 1, 2, 2], 1),  # since the third look nobody accepts
        (9, [9, 9, 0, 0, 0], 0),  # a burst that was accepted
        (1, [1, 1], 1),
        (1, [1, 0], 0),
    ],
)
def test_a_connection_waits_where_looks_at_several_times_find_it(once: int, looks: list[int], queued: int) -> None:
    listens = Descriptor(3, "socket", 3, "", replace(LISTENS, receive_queue_bytes=once))
    seen = recording(at_port((listens,), 0.1))

    told = load(replace(seen, queue_looks=tuple(QueueLook(at / 5, ((3, many),)) for at, many in enumerate(looks))))

    assert isinstance(told, Load)
    assert told.queued == queued


def test_connections_that_ended_while_they_were_read_are_not_known_and_not_none() -> None:
    """A descriptor that was a socket, and no such socket in the kernel's table a moment later."""
    gone, listens = Descriptor(8, "socket", 9, ""), Descriptor(7, "socket", 3, "", LISTENS)
    cases = {(listens,): 0, (listens, gone): None, (listens, gone, Descriptor(9, "socket", 1, "", SERVED)): 1}

    for descriptors, count in cases.items():
        told = load(recording(at_port(descriptors, 0.1)))
        assert isinstance(told, Load)
        assert told.connections == count

    unread = load(recording(at_port((), None)))
    assert isinstance(unread, Load)
    assert unread.connections is None


def test_requests_of_threads_count_and_those_that_a_task_waits_for_count_once() -> None:
    """Three and one in threads; then two tasks of which one has handed its request to a thread."""
    first, second = task(1, route=Route("GET", "/a")), task(2, route=Route("GET", "/b"))
    threads = task_looks({"thread_requests": 3}, {"thread_requests": 1})
    both = task_looks({"tasks": (first, second), "thread_requests": 1})

    told = [load(recording(one_process(samples=thread_samples([RUNS]), task_looks=looks))) for looks in (threads, both)]

    assert [one.requests for one in told if isinstance(one, Load)] == [2.0, 2.0]


def test_the_latest_timer_of_any_loop_tells_how_late_loops_are() -> None:
    """0.09 s at most; a timer that is not due yet is not late, and without one that could be read nothing is said."""
    thread, loop = idle()

    def late(*overdue_s: float | None) -> float | None:
        told = load(at_loop(*[(thread, replace(loop, overdue_s=one)) for one in overdue_s]))
        assert isinstance(told, Load)
        return told.late_s

    assert (late(-0.5, 0.09, 0.02), late(-0.5, None), late(None, None)) == (0.09, 0.0, None)


def test_without_a_look_the_load_is_unknown() -> None:
    assert isinstance(load(recording(one_process(threads=(main_thread(),)))), Missing)
    assert isinstance(load(at_loop(idle())), Load)
