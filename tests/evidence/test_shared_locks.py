"""Locks between processes: queues, circles, and locks whose holder has ended; worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import library, one_process, recording, task_looks, user

from spindoctor.evidence.shared_locks import shared_lock_uses, shared_standoffs
from spindoctor.model.locks import Member, SharedLock, SharedLook
from spindoctor.model.process import Descriptor
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

SEMLOCK = "_multiprocessing.SemLock"
ONE, TWO, THREE = Member(101, 101), Member(102, 102), Member(103, 103)
WANTS = (library("SemLock.__enter__"), user("number", 15))
A_MOMENT_S = 0.004  # a slow look is made after the look at the stacks that it goes with
FILES = (user("file_invoice", 21), user("number", 17))


def process(member: Member, *stack: object, call: str = "futex", fd: int = 5, **seen: object) -> ProcessRecording:
    """Four looks at one thread that never moves, a quarter of a second apart; as many slow looks."""
    look = ThreadLook(member.tid, stack, call=SystemCall(call, (fd,)))
    samples = tuple(Sample(number / 4, (look,)) for number in range(4))
    threads = (ThreadUse(member.tid, "MainThread", "python"),)
    return one_process(member.pid, samples=samples, threads=threads, task_looks=task_looks({}, {}, {}, {}), **seen)


def seen(*locks: SharedLock, holder: ProcessRecording | None = None, count: int = 4) -> Recording:
    looks = tuple(SharedLook(number / 4 + A_MOMENT_S, locks) for number in range(4 - count, 4))
    processes = (process(ONE, *WANTS), process(TWO, *WANTS), holder or process(THREE, *FILES, call="clock_nanosleep"))
    return replace(recording(*processes), shared_looks=looks)


def lock(*waiters: Member, name: str = "9+0x0", **more: object) -> SharedLock:
    return SharedLock(name, SEMLOCK, waiters, **more)


def test_who_queues_and_who_has_the_lock_are_told_across_processes() -> None:
    """Two wait in all four looks, from 0 to 0.75 s."""
    (use,) = shared_lock_uses(seen(lock(ONE, TWO, holder=THREE)))

    assert (use.queued, use.waiters, use.longest_s, use.processes) == (Share(4, 4), 2.0, 0.75, (101, 102))
    assert use.holder is not None
    assert (use.holder.pid, use.holder.function, use.holder_calls) == (103, "file_invoice", ("clock_nanosleep",))
    assert [(site.function, site.line) for site in use.sites] == [("number", 15)]


def test_idle_workers_who_take_turns_at_a_pipe_do_not_queue_for_the_lock() -> None:
    pipe = (Descriptor(5, "pipe", 7, "pipe:[7]"),)
    reader = process(THREE, library("read"), call="read", descriptors=pipe)

    assert shared_lock_uses(seen(lock(ONE, TWO, holder=THREE), holder=reader)) == []


def test_a_lock_that_nobody_has_any_more_is_a_standoff_and_no_queue() -> None:
    told = seen(lock(ONE, TWO, is_abandoned=True), count=3)

    (standoff,) = shared_standoffs(told)

    assert (standoff.kind, standoff.seen, standoff.lasted_s) == ("abandoned", Share(3, 4), 0.5)
    assert [one.waits_for for one in standoff.members] == [f"a {SEMLOCK} that is locked and that no process has"] * 2
    assert shared_lock_uses(told) == []


def test_a_lock_that_changed_hands_while_the_last_look_was_made_is_queued_for() -> None:
    """Who waited when the stacks were read has it by the time the lock is."""
    told = seen(lock(ONE, TWO, holder=THREE))
    torn = SharedLook(told.shared_looks[-1].at_s, (lock(ONE, TWO, holder=ONE),))

    (use,) = shared_lock_uses(replace(told, shared_looks=(*told.shared_looks[:-1], torn)))

    assert (use.queued, use.waiters) == (Share(4, 4), 2.0)


def test_processes_that_have_what_the_other_wants_stand_in_a_circle() -> None:
    told = seen(lock(ONE, holder=TWO, limited=(ONE,)), lock(TWO, name="10+0x0", holder=ONE))

    (standoff,) = shared_standoffs(told)

    assert (standoff.kind, len(standoff.members), standoff.lasted_s, standoff.has_limit) == ("cycle", 2, 0.75, True)
    assert {one.culprit.pid for one in standoff.members} == {101, 102}


@pytest.mark.parametrize("one", [lock(ONE, holder=THREE), lock(ONE)], ids=["a holder who goes on", "no holder known"])
def test_who_waits_for_somebody_else_stands_in_no_circle(one: SharedLock) -> None:
    assert shared_standoffs(seen(one)) == []


def test_without_such_a_lock_there_is_nothing_to_tell() -> None:
    told = recording(process(ONE, *WANTS))

    assert (shared_lock_uses(told), shared_standoffs(told)) == ([], [])


FILE = "file 77"


def test_a_lock_of_a_file_that_never_changes_hands_stays() -> None:
    (use,) = shared_lock_uses(seen(lock(ONE, TWO, name=FILE, holder=THREE)))

    assert (use.stays, use.waiters) == (True, 2.0)


def test_a_lock_of_a_file_that_somebody_got_who_had_waited_does_not_stay() -> None:
    """In the second half of the looks the one has it for which it had waited in the first."""
    told = seen(lock(ONE, TWO, name=FILE, holder=THREE))
    later = tuple(SharedLook(one.at_s, (lock(TWO, name=FILE, holder=ONE),)) for one in told.shared_looks[2:])

    (use,) = shared_lock_uses(replace(told, shared_looks=(*told.shared_looks[:2], *later)))

    assert not use.stays


def test_a_lock_that_is_no_file_s_is_judged_by_its_queue_alone() -> None:
    (use,) = shared_lock_uses(seen(lock(ONE, TWO, holder=THREE)))

    assert not use.stays


ASKS = (user("put", 8),)
FURTHER = (user("put", 9),)


def asked(*waiters: Member, holder: Member | None = None, name: str = "asked 77") -> SharedLock:
    return SharedLock(name, "file lock /srv/shop.db", waiters, holder)


def asking(*locked: int, inner: tuple[object, ...] = ASKS, **more: object) -> Recording:
    """ONE sleeps in native code in all four slow looks; the lock of the file is taken in these of them.

    It runs for a moment before each look, to ask.
    """
    look = ThreadLook(ONE.tid, inner, call=SystemCall("clock_nanosleep", (0, 0)), ran_ns=50_000)
    samples = tuple(Sample(number / 4, (look,)) for number in range(4))
    askers = replace(process(ONE, *inner, **more), samples=samples)
    looks = tuple(SharedLook(number / 4 + A_MOMENT_S, (asked(ONE, holder=THREE),)) for number in locked)
    return replace(recording(askers, process(THREE, *FURTHER, call="clock_nanosleep")), shared_looks=looks)


def test_who_asks_again_and_again_waits_for_as_long_as_it_stands_there_though_it_runs() -> None:
    (use,) = shared_lock_uses(asking(0, 1, 2, 3))

    assert (use.queued, use.longest_s, use.is_proven, use.stays) == (Share(4, 4), 0.75, True, False)
    assert use.holder is not None
    assert (use.holder.function, use.holder.line) == ("put", 9)


def test_who_sleeps_so_without_the_lock_being_taken_does_not_ask_for_it() -> None:
    assert shared_lock_uses(asking(0, 1, 2)) == []


@pytest.mark.parametrize(("holders", "is_proven"), [((103, 104), True), ((103, 103), False)])
def test_requests_are_tied_to_a_lock_that_goes_from_one_process_to_another(
    holders: tuple[int, int],
    is_proven: bool,  # noqa: FBT001 - expected
) -> None:
    """Beside one that is kept for good any request that sleeps in native code looks just so."""
    keepers = [Member(holders[number // 2], 0) for number in range(4)]
    looks = tuple(SharedLook(n / 4 + A_MOMENT_S, (asked(ONE, holder=one),)) for n, one in enumerate(keepers))
    serving = asking(0, routes=((ASKS[0], Route("POST", "/orders")),))

    (use,) = shared_lock_uses(replace(serving, shared_looks=looks))

    assert use.sites[0].route == "POST /orders"
    assert use.is_proven is is_proven


@pytest.mark.parametrize(
    ("holder", "is_proven"),
    [(THREE, True), (Member(103, 0), False), (None, False)],
    ids=["thread", "process", "nobody"],
)
def test_sleepers_of_no_request_are_tied_to_a_lock_by_a_thread_that_has_got_past_them(
    holder: Member | None,
    is_proven: bool,  # noqa: FBT001 - expected
) -> None:
    looks = tuple(SharedLook(number / 4 + A_MOMENT_S, (asked(ONE, holder=holder),)) for number in range(4))

    (use,) = shared_lock_uses(replace(asking(0), shared_looks=looks))

    assert use.is_proven is is_proven


def test_a_function_that_asks_for_the_lock_ties_its_sleepers_to_it_and_who_leads_by_it_stays() -> None:
    told = asking(0, 1, 2, 3)
    named = tuple(SharedLook(one.at_s, (asked(ONE, holder=THREE, name="polled 77"),)) for one in told.shared_looks)

    (use,) = shared_lock_uses(replace(told, shared_looks=named))

    assert (use.queued, use.longest_s, use.is_proven, use.stays) == (Share(4, 4), 0.75, True, True)
