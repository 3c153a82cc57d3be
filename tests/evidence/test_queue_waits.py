"""Waits in a run queue that looks do not bear out."""

from __future__ import annotations

import pytest
from recordings import main_thread, one_process, recording, thread_samples

from spindoctor.evidence.queue_waits import plausible
from spindoctor.model.sample import SystemCall, ThreadLook

TID = 100
ASLEEP = SystemCall("poll", (1, 1, 30000))


@pytest.mark.parametrize(
    ("awake", "told_s", "kept_s"),
    [(0, 3.99, 0.11), (100, 0.5, 0.5), (100, 3.0, 3.0), (50, 2.9, 1.79)],
    ids=["always asleep", "awake", "starved", "awake in half of the looks"],
)
def test_nobody_waits_for_a_cpu_while_looks_find_him_asleep(awake: int, told_s: float, kept_s: float) -> None:
    """A hundred looks in 3 s; of none the upper bound is 3.7 %, of half of them 59.6 %."""
    looks = [[ThreadLook(TID, (), call=None if number < awake else ASLEEP)] for number in range(100)]
    seen = recording(one_process(samples=thread_samples(*looks), threads=(main_thread(queue_wait_s=told_s),)))

    (use,) = plausible(seen).processes[0].threads

    assert use.queue_wait_s == pytest.approx(kept_s, abs=0.005)


def test_of_a_thread_that_no_look_met_the_kernel_s_count_stands() -> None:
    seen = recording(one_process(threads=(main_thread(queue_wait_s=1.0),)))

    assert plausible(seen).processes[0].threads[0].queue_wait_s == 1.0
