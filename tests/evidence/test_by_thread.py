"""Looks ordered by thread; and how often evidence goes through all looks, however many threads there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from recordings import library, one_process, recording, task_looks, user

from spindoctor.evidence import BUILDERS
from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.dump import dump
from spindoctor.model.conversations import Claim, Conversation
from spindoctor.model.locks import Party, Wait
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import Recording, ThreadUse
from spindoctor.model.sample import Sample, SystemCall, ThreadLook

RUNS = ThreadLook(7, (user("work", 5),), ran_ns=1_000_000)
SLEEPS = ThreadLook(7, (user("work", 6),), call=SystemCall("futex", (0xF0, 0, 0, 0)))
OTHER = ThreadLook(8)


def test_looks_at_one_thread_come_in_order_with_their_samples() -> None:
    """Thread 8 was there in the second look only, thread 9 never."""
    samples = (Sample(0.0, (RUNS,)), Sample(0.01, (OTHER, SLEEPS)))
    looks = ByThread(one_process(samples=samples))

    assert looks.seen(7) == [(samples[0], RUNS), (samples[1], SLEEPS)]
    assert (looks.looks(8), looks.looks(9)) == ([OTHER], [])


def test_a_slow_look_is_joined_to_the_look_at_stacks_before_it() -> None:
    looks = ByThread(one_process(samples=(Sample(0.1, (RUNS,)), Sample(0.2, (OTHER, SLEEPS)))))

    assert [looks.at(at_s, 7) for at_s in (0.05, 0.15, 0.2, 0.9)] == [None, RUNS, SLEEPS, SLEEPS]
    assert (looks.at(0.15, 8), looks.at(0.15, None)) == (None, None)


class Counted(tuple[ThreadLook, ...]):
    """The looks of one sample that count how often somebody goes through them."""

    __slots__ = ()
    passes = 0

    def __iter__(self) -> Iterator[ThreadLook]:
        Counted.passes += 1
        return super().__iter__()


def crowd(threads: int) -> Recording:
    """Threads that use CPU in turn, queue for one lock and for a pool, and wait at connections."""
    tids = range(101, 101 + threads)
    call, stack = SystemCall("recvfrom", (5,)), (library("recv"), user("ask", 20))
    samples = tuple(
        Sample(at / 100, Counted(ThreadLook(tid, stack, ran_ns=at % 2 * 9_000_000, call=call) for tid in tids))
        for at in range(30)
    )
    look = {
        "waits": tuple(Wait(Party(tid=tid), "lock", 1, "_thread.lock", (Party(tid=tids[0]),)) for tid in tids[1:]),
        "claims": tuple(Claim(Party(tid=tid), 2, "semaphore", "Semaphore", is_lent=True) for tid in tids),
        "conversations": tuple(Conversation(Party(tid=tid), waits_at=5, serves=6) for tid in tids),
    }
    peer = Socket(5, "tcp", "10.0.0.1:40000", "10.0.0.9:9000", "ESTABLISHED", sent_ago_s=2.0, received_ago_s=9.0)
    client = Socket(6, "tcp", "10.0.0.1:8080", "10.0.0.7:5", "ESTABLISHED", sent_ago_s=9.0, received_ago_s=1.0)
    process = one_process(
        samples=samples,
        task_looks=task_looks(look),
        threads=tuple(ThreadUse(tid, "", "", 0.1) for tid in tids),
        descriptors=tuple(Descriptor(one.inode, "socket", one.inode, "", one) for one in (peer, client)),
        descriptors_at_s=0.0,
    )
    seen = recording(process)
    return replace(seen, machine=replace(seen.machine, failed_connects=1000))


@pytest.mark.parametrize("build", [*BUILDERS.values(), dump], ids=lambda build: build.__name__)
def test_evidence_goes_through_all_looks_as_often_whatever_number_of_threads_there_is(
    build: Callable[[Recording], Any],
) -> None:
    counts = []
    for threads in (20, 40):
        seen = crowd(threads)
        Counted.passes = 0
        build(seen)
        counts.append(Counted.passes)

    assert counts[0] == counts[1]
