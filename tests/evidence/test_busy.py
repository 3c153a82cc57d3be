"""What threads that use CPU do: work, stand in native code, match, or ask."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from recordings import PID, TEN_MS, one_process, recording, thread_samples, user

from spindoctor.evidence.busy import busy_threads
from spindoctor.model.burning import BusyThread, BusyThreads
from spindoctor.model.frames import Frame
from spindoctor.model.hot import HotLook, Match
from spindoctor.model.recording import Recording, SourceWindow, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.model.share import Share

TID = 107
RUN = user("run", 20)
WANTS_GIL = ThreadLook(108, (user("other"),), call=SystemCall("futex"), waits_for_gil=True)


def on_cpu(*stack: Frame, instruction: int = 4, gil: bool = True) -> ThreadLook:
    return ThreadLook(TID, stack, ran_ns=TEN_MS, has_gil=gil, instruction=instruction)


def hot(number: int, *stack: Frame, marks: tuple[int, ...] | None = None, match: Match | None = None) -> HotLook:
    return HotLook(number * 0.04, TID, stack, marks or (1,) * len(stack), match=match)


def told(
    samples: Sequence[Sample], hot_looks: Sequence[HotLook] = (), source: dict[int, str] | None = None, **use: float
) -> BusyThread:
    lines = tuple(SourceWindow("/srv/app.py", line, line, (text,)) for line, text in (source or {}).items())
    thread = ThreadUse(TID, "worker", "python", **{"user_s": 2.7, **use})  # type: ignore[arg-type]
    process = one_process(samples=tuple(samples), threads=(thread,), hot_looks=tuple(hot_looks), sources=lines)
    found = busy_threads(recording(process))
    assert isinstance(found, BusyThreads)
    return found.threads[0]


def test_a_thread_wants_what_it_uses_and_what_it_queues_for() -> None:
    """1.5 s of CPU, 0.3 s of them in the kernel, and 1.2 s in the run queue, in 3 s."""
    thread = told(thread_samples([on_cpu(RUN)]), user_s=1.2, system_s=0.3, queue_wait_s=1.2)

    assert thread.cores == pytest.approx(0.5)
    assert thread.wanted_cores == pytest.approx(0.9)
    assert thread.system_share == pytest.approx(0.2)


def test_looks_asleep_are_no_samples_of_cpu() -> None:
    asleep = ThreadLook(TID, (RUN,), call=SystemCall("clock_nanosleep"))

    thread = told(thread_samples([on_cpu(RUN)], [asleep], [asleep], [on_cpu(RUN)]))

    assert (thread.on_cpu, thread.asleep) == (Share(2, 4), Share(2, 4))


def test_one_instruction_is_told_from_several_of_the_same_line() -> None:
    looks = [[on_cpu(RUN, instruction=8)], [on_cpu(RUN, instruction=8)], [on_cpu(RUN, instruction=2)]]

    thread = told(thread_samples(*looks))

    assert thread.still == Share(2, 3)
    assert thread.still_row == 2


def test_the_gil_is_kept_as_long_as_it_does_not_change_hands_while_another_waits() -> None:
    """Two looks with a waiter before a change of hand, three after it: 10 and 20 ms."""
    switches = [7, 7, 8, 8, 8]
    samples = [Sample(n / 100, (on_cpu(RUN), WANTS_GIL), gil_switches=count) for n, count in enumerate(switches)]

    thread = told(samples)

    assert thread.kept_gil == Share(5, 5)
    assert thread.kept_gil_s == pytest.approx(0.02)
    assert thread.held_up == Share(5, 5)


def test_an_empty_loop_can_call_nothing() -> None:
    assert not told(thread_samples([on_cpu(RUN)]), source={20: "    while True: pass"}).calls_there
    assert told(thread_samples([on_cpu(RUN)]), source={20: "    total = pack(data)"}).calls_there
    assert told(thread_samples([on_cpu(RUN)])).calls_there


@pytest.mark.parametrize(("inside", "calls_there"), [(0, True), (4, True), (30, False)])
def test_what_runs_python_code_in_its_turn_is_no_native_code(inside: int, calls_there: bool) -> None:  # noqa: FBT001
    """Of a hundred looks some met the generator that the call goes through; four are a wrapper's own lines."""
    made = user("<genexpr>", 20)
    looks = [[on_cpu(made, RUN, instruction=2)]] * inside + [[on_cpu(RUN)]] * (100 - inside)

    assert told(thread_samples(*looks), source={20: "    sum(i * i for i in rows)"}).calls_there is calls_there


def test_matches_of_one_subject_again_and_again_are_not_one_that_lasts() -> None:
    """A single look at another instruction, between two that show the same: the match ended and began again."""
    samples = thread_samples(*[[on_cpu(RUN, instruction=6 if n == 50 else 4)] for n in range(101)])
    same = [hot(n, RUN, match=Match("[a-z]+", 28, 5)) for n in range(26)]

    assert told(samples, same).matching is None


def test_one_match_that_lasts_is_told_from_many() -> None:
    """A second on 28 characters, against another subject in each look."""
    samples = [Sample(n / 100, (on_cpu(RUN),)) for n in range(101)]
    same = [hot(n, RUN, match=Match("(a+)+$", 28, 5)) for n in range(26)]
    others = [hot(n, RUN, match=Match("(a+)+$", 28, n)) for n in range(26)]

    matching = told(samples, same).matching

    assert matching is not None
    assert (matching.share, matching.matches) == (Share(101, 101), 1)
    assert matching.longest_s == pytest.approx(1.0)
    assert told(samples, others).matching is None


def test_a_long_subject_may_take_its_time() -> None:
    """A second for a million characters is the pace of a slow pattern without backtracking."""
    samples = [Sample(n / 100, (on_cpu(RUN),)) for n in range(101)]

    looks = [hot(n, RUN, match=Match("[a-z]+ [0-9]", 1_000_000, 5)) for n in range(26)]

    assert told(samples, looks).matching is None


def test_without_a_look_nothing_is_known() -> None:
    empty: Recording = recording(one_process(PID))

    assert isinstance(busy_threads(empty), Missing)
