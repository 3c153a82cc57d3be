"""Looks inside garbage collections, joined to the thread that ran them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from recordings import TEN_MS, one_process, recording, user

from spindoctor.evidence.collecting import collecting
from spindoctor.model.collector import Collector, Collectors
from spindoctor.model.heap import Heap
from spindoctor.model.recording import SourceWindow, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import Share

TID = 107
ORDER = user("order", 31)
HEAP = Heap((9, 1, 2), (700, 10, 10), survivors=400)


def told(collects: Sequence[bool], *, has_gil: bool = True, text: str = "") -> tuple[Collector, ...]:
    """Looks ten milliseconds apart at one thread on the CPU, in some of which a collection ran."""
    look = ThreadLook(TID, (ORDER,), ran_ns=TEN_MS, has_gil=has_gil)
    samples = tuple(Sample(n / 100, (look,), is_collecting=one) for n, one in enumerate(collects))
    source = (SourceWindow(ORDER.file, ORDER.line, ORDER.line, (text,)),) if text else ()
    threads = (ThreadUse(TID, "worker", "python", user_s=1.5),)
    process = one_process(samples=samples, threads=threads, sources=source, collections=(9, 1, 2), heap=HEAP)
    found = collecting(recording(process))
    assert isinstance(found, Collectors)
    return found.collectors


def test_collections_are_counted_by_looks_and_by_pauses() -> None:
    """Two pauses, of three looks (20 ms) and of one, in six looks."""
    (one,) = told([True, True, True, False, True, False])

    assert (one.inside, one.pauses, one.collections, one.heap) == (Share(4, 6), 2, (9, 1, 2), HEAP)
    assert one.longest_s == pytest.approx(0.02)
    assert one.cores == pytest.approx(0.5)


def test_collections_at_once_after_each_other_are_not_one_long_one() -> None:
    """Six looks in a row, of 1.5 s of CPU, in which ten full collections were counted: 0.15 s each at most."""
    look = ThreadLook(TID, (ORDER,), ran_ns=TEN_MS, has_gil=True)
    samples = tuple(Sample(n / 10, (look,), is_collecting=True) for n in range(6))
    uses = (ThreadUse(TID, "worker", "python", user_s=1.5),)
    process = one_process(samples=samples, threads=uses, collections=(30, 10, 10))

    found = collecting(recording(process))

    assert isinstance(found, Collectors)
    assert found.collectors[0].are_joined
    assert found.collectors[0].longest_s == pytest.approx(0.15)


def test_what_a_process_counts_says_nothing_of_one_of_two_threads_that_collect() -> None:
    """Each has met one collection of 20 ms; six were counted, of both together."""
    looks = [ThreadLook(tid, (ORDER,), ran_ns=TEN_MS, has_gil=True) for tid in (TID, TID + 1)]
    samples = tuple(Sample(n / 100, (looks[n // 3],), is_collecting=True, gil_switches=n // 3) for n in range(6))
    uses = tuple(ThreadUse(tid, "worker", "python", user_s=0.03) for tid in (TID, TID + 1))
    process = one_process(samples=samples, threads=uses, collections=(30, 10, 6))

    found = collecting(recording(process))

    assert isinstance(found, Collectors)
    assert [(one.longest_s, one.are_joined) for one in found.collectors] == [(pytest.approx(0.02), False)] * 2


def test_a_collection_in_which_another_thread_had_the_gil_is_two_pauses() -> None:
    """A hook of the collector's that waits lets others run; nobody stands still for all that time."""
    look = ThreadLook(TID, (ORDER,), ran_ns=TEN_MS, has_gil=True)
    samples = tuple(Sample(n / 100, (look,), is_collecting=True, gil_switches=n // 2) for n in range(4))
    process = one_process(samples=samples, threads=(ThreadUse(TID, "worker", "python", user_s=1.5),))

    found = collecting(recording(process))

    assert isinstance(found, Collectors)
    assert (found.collectors[0].pauses, found.collectors[0].longest_s) == (2, pytest.approx(0.01))


def test_a_thread_without_the_gil_is_not_the_one_that_collects() -> None:
    assert told([True, True], has_gil=False) == ()


def test_who_waits_for_the_gil_while_another_collects_is_not_at_work() -> None:
    """A waiter wakes up every 5 ms to ask for the GIL; 2 of its 3 looks on the CPU are such, and count for nobody."""
    collects = ThreadLook(TID, (ORDER,), ran_ns=TEN_MS, has_gil=True)
    wakes = ThreadLook(TID + 1, (ORDER,), ran_ns=TEN_MS // 100)
    works = replace(wakes, has_gil=True)
    samples = (
        Sample(0.0, (collects, wakes), is_collecting=True),
        Sample(0.01, (collects, wakes), is_collecting=True),
        Sample(0.02, (replace(collects, has_gil=False), works), is_collecting=True),
    )
    uses = tuple(ThreadUse(tid, "worker", "python", user_s=1.5) for tid in (TID, TID + 1))

    found = collecting(recording(one_process(samples=samples, threads=uses)))

    assert isinstance(found, Collectors)
    assert sorted((one.tid, one.inside) for one in found.collectors) == [(TID, Share(2, 2)), (TID + 1, Share(1, 1))]


def test_a_collection_that_is_asked_for_shows_by_its_line() -> None:
    assert told([True, True], text="    gc.collect()")[0].asked == Share(2, 2)
    assert told([True, True], text="    rows.append({})")[0].asked == Share(0, 2)


def test_without_a_look_nothing_is_known() -> None:
    assert isinstance(collecting(recording(one_process())), Missing)
