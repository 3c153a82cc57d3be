"""Processes whose threads all sleep on locks of their own, while nobody else is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import PID, main_thread, one_process, recording, task_looks, user

from spindoctor.evidence.standoffs import standoffs
from spindoctor.model.frames import Frame
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.waiting import Standoff, Standoffs

OTHER = PID + 1
FOR_EVER = SystemCall("futex", (0x7F00, 0x189, 0, 0, 0, 0xFFFFFFFF))
WITH_LIMIT = SystemCall("futex", (0x7F00, 0x189, 0, 0x7FFE, 0, 0xFFFFFFFF))
OF_PROCESSES = SystemCall("futex", (0x7F00, 0x109, 0, 0, 0, 0xFFFFFFFF))
WAIT = Frame("Condition.wait", "/usr/lib/python3.12/threading.py", 355)
BARRIER = Frame("Barrier._wait", "/usr/lib/python3.12/threading.py", 758)
JOIN = Frame("Thread.join", "/usr/lib/python3.12/threading.py", 1147)
OVER = Frame("_shutdown", "/usr/lib/python3.12/threading.py", 1590)
GET = Frame("Queue.get", "/usr/lib/python3.12/queue.py", 171)
ALL_DONE = Frame("Queue.join", "/usr/lib/python3.12/queue.py", 90)
SIGN = Frame("Event.wait", "/usr/lib/python3.12/threading.py", 655)
MAIN, WORK = user("<module>", 40), user("work", 12)


def asleep(tid: int, *stack: Frame, call: SystemCall | None = FOR_EVER) -> ThreadLook:
    return ThreadLook(tid, stack, call=call)


def process(*threads: ThreadLook, looks: int = 200, uses: int = 2) -> ProcessRecording:
    samples = tuple(Sample(number / 100, threads) for number in range(looks))
    known = (
        replace(main_thread(), loop=None),
        *(ThreadUse(OTHER + n, f"stage-{n}", "python") for n in range(uses - 1)),
    )
    return one_process(samples=samples, threads=known, task_looks=task_looks(*({},) * 8))


def told(seen: ProcessRecording) -> tuple[Standoff, ...]:
    found = standoffs(recording(seen))
    assert isinstance(found, Standoffs)
    return found.standoffs


JOINS = asleep(PID, JOIN, MAIN)
MEETS = asleep(OTHER, WAIT, BARRIER, WORK)


def test_all_threads_asleep_for_each_other_stand_still_and_the_cause_comes_first() -> None:
    (one,) = told(process(JOINS, MEETS))

    assert (one.pid, one.kind, one.seen, one.lasted_s) == (PID, "standstill", Share(8, 8), pytest.approx(1.99))
    assert [(member.name, member.waits_for) for member in one.members] == [
        ("thread stage-0", "the other parties of a Barrier"),
        ("thread MainThread", "the end of a thread"),
    ]
    assert [member.culprit.line for member in one.members] == [12, 40]


@pytest.mark.parametrize(
    ("main", "worker", "first"),
    [
        (asleep(PID, WAIT, ALL_DONE, MAIN), asleep(OTHER, WAIT, GET, WORK), 40),
        (asleep(PID, OVER), asleep(OTHER, WAIT, GET, WORK), 12),
        (JOINS, asleep(OTHER, WORK), 12),
    ],
)
def test_a_batch_that_is_never_done_a_program_that_never_ends_and_a_lost_lock(
    main: ThreadLook, worker: ThreadLook, first: int
) -> None:
    (one,) = told(process(main, worker))

    assert one.members[0].culprit.line == first


@pytest.mark.parametrize(
    "other",
    [
        asleep(OTHER, WAIT, BARRIER, WORK, call=WITH_LIMIT),
        asleep(OTHER, WORK, call=OF_PROCESSES),
        asleep(OTHER, WORK, call=SystemCall("recvfrom", (4, 0, 1, 0, 0, 0))),
        asleep(OTHER, WORK, call=None),
        asleep(OTHER, call=FOR_EVER),
        asleep(OTHER, WAIT, SIGN, WORK),
        asleep(OTHER, *(replace(one, function="wait") for one in (WAIT, SIGN)), WORK),
        replace(MEETS, waits_for_gil=True),
    ],
    ids=["a limit", "another process", "a peer", "it runs", "native code", "a sign", "a sign before 3.11", "the GIL"],
)
def test_one_that_may_go_on_is_enough(other: ThreadLook) -> None:
    assert told(process(JOINS, other)) == ()


def test_a_thread_that_no_look_shows_may_wake_the_others() -> None:
    assert told(process(JOINS, MEETS, uses=3)) == ()


def test_threads_that_all_wait_for_work_wait_by_right() -> None:
    assert told(process(asleep(PID, WAIT, GET, MAIN), asleep(OTHER, WAIT, GET, WORK))) == ()


def test_a_barrier_is_told_from_a_sign_where_functions_are_known_without_their_class() -> None:
    names = ("wait", "wait_for", "_wait", "wait")
    meets = asleep(OTHER, *(replace(BARRIER, function=name) for name in names), WORK)

    (one,) = told(process(JOINS, meets))

    assert one.members[0].waits_for == "the other parties of a Barrier"


def test_it_lasts_since_a_thread_ran_last() -> None:
    still = process(JOINS, MEETS)
    ran = Sample(0.5, (JOINS, replace(MEETS, ran_ns=1000)))
    seen = replace(still, samples=(*still.samples[:50], ran, *still.samples[51:]))

    (one,) = told(seen)

    assert (one.lasted_s, one.seen) == (pytest.approx(1.49), Share(6, 8))
