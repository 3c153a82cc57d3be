"""What an event loop does most, and whether that gets anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import (
    PID,
    RUN_ONCE,
    Seen,
    idle,
    inside,
    library,
    loop_samples,
    main_thread,
    one_process,
    recording,
    user,
)

from spindoctor.evidence.pursuits import pursuits
from spindoctor.model.frames import Frame
from spindoctor.model.hot import Failure, Held, HotLook
from spindoctor.model.pursuits import Pursuit
from spindoctor.model.recording import Recording, SourceWindow
from spindoctor.model.share import Share

FOLLOW = SourceWindow(
    "/srv/app.py",
    10,
    10,
    ("async def follow(log):", "    while True:", "        line = await log.readline()", "        if not line:",
     "            continue", "        print(line)"),
)  # fmt: skip
COPY = SourceWindow(
    "/srv/app.py",
    30,
    30,
    ("async def copy(one, other):", "    while piece := await one.read(4096):", "        await other.write(piece)"),
)
ASKS = inside(library("submit"), library("run"), user("follow", 12), task=7)
LOOKS_AT_IT = inside(user("follow", 13), task=7)
WRITES = inside(library("submit"), user("copy", 32), task=8)


def holding(*values: int, function: str = "follow", line: int = 12) -> tuple[HotLook, ...]:
    """Looks at the task between the loop and a library's function, which holds something else each time."""
    stack = (library("submit"), user(function, line), RUN_ONCE)
    return tuple(
        HotLook(number / 25, PID, stack, held=((Held("a", -number, -number),), (Held("line", value, value),)))
        for number, value in enumerate(values)
    )


def service(*looks: Seen, hot: tuple[HotLook, ...] = (), sleeps: int = 30_000, cpu_s: float = 1.5) -> Recording:
    process = one_process(
        samples=loop_samples(looks),
        threads=(main_thread(user_s=cpu_s, voluntary=sleeps),),
        functions=(FOLLOW, COPY),
        hot_looks=hot,
        descriptors_at_s=1.0,
    )
    one = recording(process)
    return replace(one, machine=replace(one.machine, opened_connects=30))


def only(seen: Recording) -> Pursuit:
    (found,) = pursuits(seen, seen.processes[0])
    return found


def test_one_question_to_a_thread_is_asked_in_vain() -> None:
    """Forty steps at the question or its answer, ten looks at what is held, and thirty connections in three seconds."""
    one = only(service(*[ASKS, LOOKS_AT_IT, idle()] * 20, hot=holding(*[5] * 11)))

    assert (one.culprit.function, one.culprit.line, one.steps) == ("follow", 12, Share(40, 40))
    assert (one.asks, one.works, one.repeats) == (Share(40, 40), Share(0, 40), Share(10, 10))
    assert (one.sleeps_per_s, one.arrivals_per_s) == (10_000.0, 20.0)
    assert one.asks_in_vain
    assert one.holds_the_same


def test_by_which_of_its_functions_a_library_asks_is_no_other_way() -> None:
    """Each look meets another function of the library's below the one that the task has called."""
    looks = [inside(library(f"step_{n}"), library("run"), user("follow", 12), task=7) for n in range(20)]

    assert only(service(*looks)).ways == Share(1, 20)


def test_what_is_copied_piece_by_piece_gets_on() -> None:
    one = only(service(*[WRITES] * 40, hot=holding(*range(12), function="copy", line=32)))

    assert (one.works, one.repeats) == (Share(40, 40), Share(0, 11))
    assert one.gets_on
    assert not one.asks_in_vain


def test_an_answer_that_changes_is_no_question_in_vain() -> None:
    one = only(service(*[ASKS] * 40, hot=holding(*range(12))))

    assert not one.holds_the_same


@pytest.mark.parametrize(("function", "fails"), [("follow", True), ("other", False)])
def test_exceptions_that_come_through_it_tell_that_it_fails(function: str, fails: bool) -> None:  # noqa: FBT001
    seen = service(*[ASKS] * 20)
    failure = Failure(0.1, PID, "OSError", "", (Frame(function, "/srv/app.py", 12),))
    process = replace(seen.processes[0], failures=(failure,))

    assert only(replace(seen, processes=(process,))).fails is fails


def test_connections_that_fail_tell_it_where_no_exception_was_met() -> None:
    """Of 30000 sleeps 3000 were for connections that failed."""
    seen = service(*[ASKS] * 20)

    assert only(replace(seen, machine=replace(seen.machine, failed_connects=3000))).fails
    assert not only(replace(seen, machine=replace(seen.machine, failed_connects=30))).fails


def test_a_loop_that_hardly_runs_has_no_pursuit() -> None:
    seen = service(*[ASKS] * 20, cpu_s=0.2)

    assert pursuits(seen, seen.processes[0]) == []


def test_a_loop_without_code_of_the_users_has_no_pursuit() -> None:
    seen = service(*[inside(library("answer"), task=7)] * 20)

    assert pursuits(seen, seen.processes[0]) == []


def test_a_function_that_goes_round_in_no_loop_of_its_own_is_told_by_what_it_holds() -> None:
    """It is called anew in each turn: by a timer, say."""
    tick = user("tick", 50)
    looks = [inside(library("call_later"), tick)] * 20
    hot = tuple(replace(one, stack=(library("call_later"), tick, RUN_ONCE)) for one in holding(*[5] * 9))

    one = only(service(*looks, hot=hot))

    assert (one.culprit.function, one.culprit.line) == ("tick", 50)
    assert (one.asks, one.repeats) == (Share(0, 0), Share(8, 8))


def test_a_recording_without_a_span_tells_nothing() -> None:
    seen = replace(service(*[ASKS] * 20), seconds=0.0)

    assert pursuits(seen, seen.processes[0]) == []
