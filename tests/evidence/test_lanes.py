"""Threads that begin and end within the look count together, as few that last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import PID, TEN_MS, one_process, recording, thread_samples, user

from spindoctor.evidence import gather
from spindoctor.evidence.lanes import in_lanes
from spindoctor.model.burning import BusyThreads
from spindoctor.model.collector import Collectors
from spindoctor.model.cpu import CpuUse
from spindoctor.model.frames import Frame
from spindoctor.model.hot import HotLook
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import Share

START = Frame("Thread._bootstrap", "/usr/lib/python3.12/threading.py", 1032)
SERVE = Frame("serve_one", "/usr/lib/python3.12/socketserver.py", 692)
MAIN = ThreadUse(PID, "MainThread", "python", user_s=0.1)
IDLE = ThreadLook(PID, (user("main", 3),))


def at_work(tid: int, ran_ns: int = TEN_MS, entry: Frame = SERVE) -> ThreadLook:
    return ThreadLook(tid, (user("render", 7), entry, START), ran_ns=ran_ns)


def served(*looks: list[ThreadLook], **seen: object) -> ProcessRecording:
    """A process that used 1.6 s beside the 0.1 s of its main thread, the only one that is there at the end."""
    samples = thread_samples(*([IDLE, *one] for one in looks))
    return one_process(samples=samples, threads=(MAIN,), user_s=1.7, **seen)


def joined(process: ProcessRecording) -> ProcessRecording:
    return in_lanes(recording(process)).processes[0]


def test_threads_that_follow_each_other_are_one_with_all_their_cpu() -> None:
    process = joined(served([at_work(1, 0)], [at_work(1)], [at_work(2, 0)], [at_work(2)]))

    assert [(use.tid, use.name) for use in process.threads] == [(1, "serve_one (2 in turn)"), (PID, "MainThread")]
    assert process.threads[0].cpu_s == pytest.approx(1.6)
    assert {look.tid for sample in process.samples for look in sample.threads} == {PID, 1}


def test_what_nobody_counted_of_ended_threads_is_not_known() -> None:
    """Their CPU is what the process used; their switches and waits for a core went with them, and a wait adds none."""
    seen = recording(served([at_work(1, 0)], [at_work(1)], [at_work(2, 0)], [at_work(2)]))
    (lane, main), facts = in_lanes(seen).processes[0].threads, gather(seen)

    assert (lane.voluntary, lane.involuntary, lane.queue_wait_s) == (None, None, None)
    assert lane.wanted_s == lane.cpu_s
    assert (main.voluntary, main.queue_wait_s) == (0, 0.0)
    told = facts[CpuUse].threads[0]
    assert (told.sleeps_per_s, told.queue_wait_share) == (None, None)


def test_threads_at_the_same_time_stand_side_by_side() -> None:
    """The first used 10 ms in the looks, the second 30 ms: 0.4 and 1.2 of the 1.6 s."""
    process = joined(served([at_work(1), at_work(2, 3 * TEN_MS)]))

    assert [(use.tid, round(use.cpu_s, 3)) for use in process.threads] == [(2, 1.2), (1, 0.4), (PID, 0.1)]


def test_threads_that_were_made_for_other_work_are_others() -> None:
    process = joined(served([at_work(1)], [at_work(2, entry=user("send_mail"))]))

    assert [use.name for use in process.threads] == ["serve_one", "send_mail", "MainThread"]


def test_who_was_not_there_a_look_ago_has_run_since() -> None:
    process = joined(served([at_work(1, 0)], [at_work(2, 0)], [at_work(2)]))

    assert [sample.threads[1].ran_ns > 0 for sample in process.samples] == [False, True, True]


def test_what_they_held_goes_with_them() -> None:
    looked = tuple(HotLook(tid / 10, tid, (user("render", 7),)) for tid in (PID, 1, 2))

    process = joined(served([at_work(1)], [at_work(2)], hot_looks=looked))

    assert [one.tid for one in process.hot_looks] == [PID, 1, 1]


def test_little_cpu_and_a_process_that_ended_are_left_as_they_are() -> None:
    """0.05 cores are 0.15 s in three seconds; of a process that ended the looks are all that is known."""
    little = replace(served([at_work(1)]), user_s=0.2)
    ended = replace(served([at_work(1)]), ended="it exited")

    assert joined(little) is little
    assert joined(ended) is ended


def test_what_they_burn_is_told_as_what_a_lasting_thread_does() -> None:
    """Ten threads of two looks each, half of them inside collections."""
    looks = [[at_work(number // 2)] for number in range(20)]
    process = served(*looks)
    holding = tuple(
        Sample(one.at_s, (IDLE, replace(one.threads[1], has_gil=True)), is_collecting=number % 4 < 2)
        for number, one in enumerate(process.samples)
    )

    facts = gather(recording(replace(process, samples=holding)))

    busy, collectors = facts[BusyThreads], facts[Collectors]
    assert [(one.name, round(one.cores, 3)) for one in busy.threads] == [("serve_one (10 in turn)", 0.533)]
    assert collectors.collectors[0].inside == Share(10, 20)
