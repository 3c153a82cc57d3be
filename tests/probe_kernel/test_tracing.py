"""System calls that the kernel counts: joined to threads, refused with what it takes, and truly counted."""

from __future__ import annotations

import contextlib
import errno
import struct
from collections.abc import Callable

import pytest
from kernel_victims import AsNobody, Start

from spindoctor.errors import DoctorError
from spindoctor.model.calls import CallCounts
from spindoctor.probe import bpf, tracing
from spindoctor.probe.bpf import INSIDE, MOST_KINDS, CallCounter, program
from spindoctor.probe.threads import ThreadCounters
from spindoctor.probe.tracing import CallTracer, by_process

READ, WRITE = 0, 1
COUNTS_ITS_OWN = """
import os, sys, time
print(os.getpid(), flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        os.kill(os.getpid(), 0)
    time.sleep(0.001)
    print(line.strip(), flush=True)
"""
FAILS_AND_SUCCEEDS = """
import os, sys
print(os.getpid(), flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        os.kill(os.getpid(), 0)
        try:
            os.kill(os.getpid(), 999)
        except OSError:
            pass
    print(line.strip(), flush=True)
"""
KILL = {"x86_64": 62, "aarch64": 129}


def thread(tid: int, voluntary: int) -> ThreadCounters:
    return ThreadCounters(tid, "python", "R", 7, 0, 0, 0, 0, voluntary, 0, 0)


def test_what_was_counted_is_joined_to_the_threads_that_were_there_all_the_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thread 12 came meanwhile, thread 13 of process 20 made no call, and nobody asked about thread 99."""
    monkeypatch.setattr(tracing, "name_of", {READ: "read", WRITE: "write"}.__getitem__)
    before = {10: {10: thread(10, 5), 11: thread(11, 0)}, 20: {13: thread(13, 1)}}
    after = {10: {10: thread(10, 9), 11: thread(11, 0), 12: thread(12, 0)}, 20: {13: thread(13, 1)}}
    counts = {(10, READ): 3, (10, WRITE): 70, (11, READ): 500, (12, READ): 1, (99, READ): 1}

    found = by_process(counts, before, after, 0.5)

    assert found == {
        10: (
            CallCounts(11, 0.5, (("read", 500),), sleeps=0),
            CallCounts(10, 0.5, (("write", 70), ("read", 3)), sleeps=4),
        ),
        20: (CallCounts(13, 0.5, (), sleeps=0),),
    }


def test_calls_that_failed_are_told_with_their_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most frequent first; an error that has no name here is told by its number."""
    monkeypatch.setattr(tracing, "name_of", {READ: "read", WRITE: "write"}.__getitem__)
    there = {10: {10: thread(10, 0)}}
    failures = {(10, READ, errno.EAGAIN): 40, (10, WRITE, errno.EPIPE): 50, (10, READ, 511): 1}

    (told,) = by_process({(10, READ): 100, (10, WRITE): 50}, there, there, 0.5, failures)[10]

    assert told.failures == (("write", "EPIPE", 50), ("read", "EAGAIN", 40), ("read", "error 511", 1))


def test_a_full_table_says_that_calls_may_be_missing() -> None:
    counts = {(10, number): 1 for number in range(MOST_KINDS)}

    (told,) = by_process(counts, {10: {10: thread(10, 0)}}, {10: {10: thread(10, 0)}}, 0.5)[10]

    assert not told.is_whole


@pytest.mark.parametrize(("others", "is_whole"), [(MOST_KINDS - 2, True), (MOST_KINDS - 1, False)])
def test_a_table_full_of_notes_and_of_what_is_not_told_may_lack_calls_too(
    monkeypatch: pytest.MonkeyPatch, others: int, *, is_whole: bool
) -> None:
    """Threads of which nothing but the call that they are in was kept, and failures of the kernel's own."""
    notes = {(tid, INSIDE): READ for tid in range(100, 100 + others - 1)}
    kept = {(10, READ): 5, (10, 512 << 16 | READ): 1, **notes}
    monkeypatch.setattr(tracing, "name_of", {READ: "read"}.__getitem__)
    counter = CallCounter.__new__(CallCounter)
    monkeypatch.setattr(counter, "_kept", lambda: kept)
    monkeypatch.setattr(counter, "counting", contextlib.nullcontext)
    tracer = CallTracer.__new__(CallTracer)
    monkeypatch.setattr(tracer, "_counter", counter, raising=False)
    monkeypatch.setattr(tracer, "_pids", (10,), raising=False)
    monkeypatch.setattr(tracer, "_threads", lambda: {10: {10: thread(10, 0)}})

    (told,) = tracer.count(0.0)[10]

    assert (len(kept), told.calls, told.is_whole) == (others + 1, (("read", 5),), is_whole)


def test_each_process_is_asked_for_and_every_other_leaves_the_program_at_once() -> None:
    """Behind the five steps that find out whose call it is: one comparison for each pid, then the way out."""
    steps = [struct.unpack("<BBhi", program((7, 8, 9), 3)[at : at + 8]) for at in range(0, 8 * 10, 8)]

    assert [step[3] for step in steps[5:8]] == [7, 8, 9]
    assert {5 + n + 1 + step[2] for n, step in enumerate(steps[5:8])} == {10}
    assert [step[0] for step in steps[8:10]] == [0xB7, 0x95]


@pytest.mark.parametrize(
    ("number", "why"),
    [(errno.EPERM, "CAP_BPF"), (errno.ENOSYS, "has no bpf"), (errno.ENOENT, "sys_enter"), (errno.EIO, "Input/output")],
)
def test_a_refusal_says_what_it_would_take(monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    def refuse(pids: tuple[int, ...]) -> None:
        raise OSError(number, "Input/output error", pids)

    monkeypatch.setattr(tracing, "CallCounter", refuse)

    with pytest.raises(DoctorError, match="cannot be counted") as refused:
        CallTracer([1], namespace=tracing.HOST_PIDS)

    assert why in refused.value.problem
    assert "root" in refused.value.hint
    assert refused.value.hint.endswith("Without --trace they are sampled.")


def test_pids_of_a_container_are_not_those_that_the_kernel_counts_by() -> None:
    with pytest.raises(DoctorError, match="host's pids"):
        CallTracer([1], namespace="pid:[4026532200]")


def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MACHINE", "riscv64")

    with pytest.raises(DoctorError, match="riscv64"):
        CallTracer([1], namespace=tracing.HOST_PIDS)


@pytest.mark.live
def test_nobody_may_not_count_and_hears_what_it_takes(as_nobody: AsNobody) -> None:
    def attempt() -> str:
        try:
            CallTracer([1], namespace=tracing.HOST_PIDS)
        except DoctorError as error:
            return f"{error.problem}. {error.hint}"
        return "counted"

    told = as_nobody(attempt)

    assert "cannot be counted" in told
    assert "root" in told


@pytest.mark.live
def test_a_program_that_counts_its_own_calls_is_counted_the_same(start: Start) -> None:
    """To the last call; or it is refused, with what it would take."""
    victim = start(COUNTS_ITS_OWN)
    tracer = tracer_of(victim.pid)
    if isinstance(tracer, str):
        assert "root" in tracer
        return

    (told,) = tracer.count(0.0, sleep=_orders(victim.tell, 1234, 766))[victim.pid]
    tracer.close()

    assert dict(told.calls)[tracing.name_of(KILL[bpf.MACHINE])] == 2000
    assert told.tid == victim.pid
    assert told.sleeps >= 1


@pytest.mark.live
def test_calls_that_fail_are_counted_by_their_error(start: Start) -> None:
    """To the last call, among as many that do not fail."""
    victim = start(FAILS_AND_SUCCEEDS)
    tracer = tracer_of(victim.pid)
    if isinstance(tracer, str):
        assert "root" in tracer
        return

    (told,) = tracer.count(0.0, sleep=_orders(victim.tell, 700))[victim.pid]
    tracer.close()

    name = tracing.name_of(KILL[bpf.MACHINE])
    assert dict(told.calls)[name] == 1400
    assert [one for one in told.failures if one[0] == name] == [(name, "EINVAL", 700)]


@pytest.mark.live
def test_what_is_not_counted_any_more_is_gone_from_the_kernel(start: Start) -> None:
    """Between two spans nothing is counted."""
    victim = start(COUNTS_ITS_OWN)
    tracer = tracer_of(victim.pid)
    if isinstance(tracer, str):
        assert "root" in tracer
        return
    victim.tell("500")

    (told,) = tracer.count(0.0, sleep=_orders(victim.tell, 3))[victim.pid]
    tracer.close()

    assert dict(told.calls)[tracing.name_of(KILL[bpf.MACHINE])] == 3


def tracer_of(pid: int) -> CallTracer | str:
    """Who counts, or the hint where nobody may."""
    try:
        return CallTracer([pid])
    except DoctorError as error:
        return error.hint


def _orders(tell: Callable[[str], list[str]], *numbers: int) -> Callable[[float], None]:
    """What to do while it is counted: have so many calls made, instead of to sleep."""

    def order(seconds: float) -> None:
        del seconds
        for number in numbers:
            assert tell(str(number)) == [str(number)]

    return order
