"""Where the thread of an event loop was, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import Seen, at_loop, idle, inside, library, main_thread, one_process, recording, spinning, user

from spindoctor.evidence.loops import loops
from spindoctor.model.facts import Loop, Loops
from spindoctor.model.frames import Frame
from spindoctor.model.recording import Recording
from spindoctor.model.rule import Absent, Missing
from spindoctor.model.share import NO_LOOKS, Share

HANDLER = user("handler", 10)


def only_loop(seen: Recording) -> Loop:
    told = loops(seen)
    assert isinstance(told, Loops)
    assert len(told.loops) == 1
    return told.loops[0]


def test_every_look_is_counted_at_one_place() -> None:
    """Ten looks: 4 asleep, 2 spinning, 1 computing, 2 waiting, 1 waiting for the GIL."""
    loop = only_loop(
        at_loop(
            *[idle()] * 4,
            spinning(1.0),
            spinning(2.0),
            inside(HANDLER, turn=3.0),
            inside(HANDLER, turn=4.0, call="recvfrom"),
            inside(HANDLER, turn=4.0, call="recvfrom"),
            inside(HANDLER, turn=5.0, gil=True),
        )
    )

    assert (loop.looks, loop.idle, loop.spinning) == (10, Share(4, 10), Share(2, 10))
    assert (loop.computing, loop.waiting, loop.gil) == (Share(1, 10), Share(2, 10), Share(1, 10))
    assert loop.zero_polls == Share(2, 6)
    assert loop.ready == Share(2, 6)


def test_the_clocks_of_the_thread_are_the_loops() -> None:
    loop = only_loop(at_loop(idle(), user_s=2.4, system_s=0.3, voluntary=9, queue_wait_s=0.2))

    assert loop.cores == pytest.approx(0.9)
    assert (loop.cpu_s, loop.system_s, loop.queue_wait_s) == (pytest.approx(2.7), 0.3, 0.2)
    assert loop.sleeps_per_s == pytest.approx(3.0)


def test_a_runnable_thread_without_a_cpu_neither_computes_nor_waits() -> None:
    """On a starved machine the thread is in no system call and did not run."""
    loop = only_loop(at_loop(*[inside(HANDLER, turn=1.0, ran_ns=0)] * 5))

    assert (loop.computing.count, loop.waiting.count, loop.idle.count) == (0, 0, 0)


def test_who_starts_a_thread_waits_for_a_cpu() -> None:
    """The new thread has only to run; its own work may wait all the same, and a method of that name is none."""
    start = Frame("Thread.start", "/usr/lib/python3.12/threading.py", 997)
    waits = [inside(frames, turn=1.0, call="futex") for frames in (start, user("Poller.start", 5))]
    loop = only_loop(at_loop(*waits))

    assert [site.culprit.line for site in loop.waits] == [5]
    assert loop.waiting == Share(1, 2)


def test_turns_are_changes_between_looks() -> None:
    loop = only_loop(at_loop(spinning(1.0), spinning(1.0), spinning(2.0), spinning(5.0)))

    assert (loop.turns, loop.turn_pairs) == (2, 3)


def test_unreadable_turns_are_none() -> None:
    assert only_loop(at_loop(inside(HANDLER), inside(HANDLER))).turns is None


def test_two_looks_in_one_callback_with_fifteen_milliseconds_hold_the_loop() -> None:
    """Of three looks in turn 1 the last two used 20 ms; the one in turn 2 is alone, the two in turn 3 used 5 ms."""
    short = inside(HANDLER, turn=3.0, ran_ns=5_000_000)
    loop = only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 3, inside(HANDLER, turn=2.0), short, short))

    assert loop.computing == Share(6, 6)
    assert loop.held == Share(3, 6)
    assert [(site.share, site.episodes) for site in loop.holds] == [(Share(3, 6), 1)]


def test_two_looks_at_one_step_of_a_task_tell_of_ten_milliseconds() -> None:
    """A task takes one step a turn; a callback without a task may have run twice, one of 5 ms is too short."""
    step = inside(HANDLER, turn=1.0, task=7)
    other = inside(user("index", 20), turn=2.0, task=8)
    short = inside(HANDLER, turn=3.0, task=7, ran_ns=5_000_000)
    plain = inside(HANDLER, turn=4.0)
    loop = only_loop(at_loop(*[step, step, other, short, short, plain, plain] * 10))

    assert loop.steps == Share(20, 70)
    assert loop.fills
    assert (loop.fills.culprit.function, loop.fills.share) == ("handler", Share(60, 70))
    assert loop.held == Share(0, 70)


def test_a_function_without_long_steps_of_its_own_is_not_told_for_those_of_others() -> None:
    """Eleven functions have one long step each; one of them fills the loop with short ones."""
    steps = [inside(user(f"job{n}", 30 + n), turn=float(n), task=7) for n in range(11) for _ in range(2)]
    short = [inside(user("job0", 30), turn=50.0 + n, task=8) for n in range(60)]

    assert only_loop(at_loop(*steps, *short)).fills is None


def test_without_turns_a_look_outside_ends_a_run() -> None:
    """Five steps of one task under uvloop with the loop's own code between them are five runs, not one."""
    steps = [look for _ in range(5) for look in (inside(HANDLER, task=7), spinning(0.0))]

    loop = only_loop(at_loop(*[(thread, loop) for thread, loop in steps]))

    assert loop.one_callback == Share(1, 10)
    assert loop.held == Share(0, 10)


def test_calls_for_different_connections_in_one_turn_are_different_runs() -> None:
    """A loop written in C reads from many sockets in one turn; the protocol that it calls tells them apart."""
    looks = [inside(HANDLER, turn=1.0) for _ in range(4)]
    calls = [(thread, replace(loop, holder=number)) for number, (thread, loop) in enumerate(looks)]

    assert only_loop(at_loop(*calls)).held == Share(0, 4)
    assert only_loop(at_loop(*looks)).held == Share(4, 4)


def test_the_longest_run_of_one_callback_is_measured() -> None:
    """Two looks in turn 1, then four in turn 2: from 0.02 to 0.05 s."""
    loop = only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 2, *[inside(HANDLER, turn=2.0)] * 4))

    assert loop.one_callback == Share(4, 6)
    assert loop.one_callback_s == pytest.approx(0.03)
    assert loop.goes_on


def test_a_run_that_was_followed_by_another_look_does_not_go_on() -> None:
    loop = only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 4, spinning(2.0)))

    assert loop.one_callback == Share(4, 5)
    assert not loop.goes_on


def test_a_stack_that_is_cut_short_does_not_break_a_run() -> None:
    torn = inside(complete=False)

    loop = only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 2, torn, inside(HANDLER, turn=1.0), torn))

    assert loop.one_callback == Share(3, 5)
    assert loop.goes_on


def test_an_endless_run_is_placed_at_the_function_that_stays() -> None:
    """What the endless function calls comes and goes; what called it stays too, but lies further out."""
    asgi, endless = library("run_asgi"), user("ws", 20)
    looks = [
        inside(library("receive"), endless, asgi, turn=1.0),
        inside(endless, asgi, turn=1.0),
        inside(library("send"), endless, asgi, turn=1.0),
    ]

    site = only_loop(at_loop(*looks)).one_callback_site

    assert site is not None
    assert (site.culprit.function, site.culprit.line) == ("ws", 20)


@pytest.mark.parametrize(("times", "called"), [(5, "check"), (4, None)])
def test_a_librarys_endless_run_names_the_function_of_the_users_that_it_calls(times: int, called: str | None) -> None:
    """It was met with a library's function above it; four looks are too few."""
    pump, check = library("process_messages"), user("check", 20)
    looks = [inside(library("dispatch"), pump, turn=1.0), *[inside(library("post"), check, pump, turn=1.0)] * times]

    loop = only_loop(at_loop(*looks))

    assert loop.one_callback_site is not None
    assert loop.one_callback_site.culprit.function == "process_messages"
    assert (loop.one_callback_calls.culprit.function if loop.one_callback_calls else None) == called


def test_where_the_users_own_function_stays_none_that_it_calls_is_named() -> None:
    loop = only_loop(
        at_loop(*[inside(user("step", 30), user("ws", 20), turn=1.0), inside(user("ws", 20), turn=1.0)] * 9)
    )

    assert loop.one_callback_calls is None


def test_an_endless_run_is_placed_at_the_line_seen_most() -> None:
    looks = [inside(user("ws", line), turn=1.0) for line in (20, 21, 21)]

    site = only_loop(at_loop(*looks)).one_callback_site

    assert site is not None
    assert site.culprit.line == 21


def test_a_computation_is_placed_at_a_line_where_any_look_has_one() -> None:
    """Instructions that clean up after a `try` have no line; where no look has one, none is named."""
    nowhere, known = user("handle", 0), user("handle", 12)

    some = only_loop(at_loop(*[inside(nowhere, turn=1.0)] * 3, inside(known, turn=1.0)))
    none = only_loop(at_loop(*[inside(nowhere, turn=1.0)] * 3))

    assert [site.culprit.line for site in some.holds] == [12]
    assert [site.culprit.line for site in none.holds] == [None]


CELL = user("<module>", 4, "/home/user/cell.py")


def test_a_module_body_that_runs_in_a_callback_while_nothing_else_is_due_is_a_script() -> None:
    looks = [inside(user("crunch"), CELL, library("run_cell"), turn=1.0)] * 10
    with_others = [(thread, replace(loop, ready=2)) for thread, loop in looks]
    late = [(thread, replace(loop, overdue_s=0.4)) for thread, loop in looks]

    assert only_loop(at_loop(*looks)).runs_script
    assert not only_loop(at_loop(*with_others)).runs_script
    assert not only_loop(at_loop(*late)).runs_script


def test_a_handler_and_what_an_import_runs_are_no_scripts() -> None:
    importing = (user("<module>", 1), Frame("_call_with_frames_removed", "<frozen importlib._bootstrap>", 488), HANDLER)

    assert not only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 4)).runs_script
    assert not only_loop(at_loop(*[inside(*importing, turn=1.0)] * 4)).runs_script


def test_waits_are_kept_apart_by_line_and_computations_are_not() -> None:
    lines = (10, 10, 11)
    waiting = only_loop(at_loop(*[inside(user("handler", line), turn=1.0, call="recvfrom") for line in lines]))
    computing = only_loop(at_loop(*[inside(user("handler", line), turn=1.0) for line in lines]))

    assert [(site.culprit.line, site.share.count) for site in waiting.waits] == [(10, 2), (11, 1)]
    assert [(site.culprit.line, site.share.count) for site in computing.profile] == [(10, 3)]


def test_where_turns_cannot_be_read_a_wait_ends_when_the_thread_has_run() -> None:
    """Waits of three, two and one look; between them the thread ran without being met."""
    thread, loop = inside(HANDLER, call="clock_nanosleep")
    woken = replace(thread, ran_ns=40_000), loop

    site = only_loop(at_loop(woken, (thread, loop), (thread, loop), woken, (thread, loop), woken)).waits[0]

    assert (site.share, site.episodes, site.longest_s) == (Share(6, 6), 3, pytest.approx(0.02))


def test_where_turns_are_read_one_callback_that_waits_again_and_again_is_one_stay() -> None:
    """What counts is how long it keeps the loop: three waits in turn 1, within 0.02 s."""
    thread, loop = inside(HANDLER, turn=1.0, call="recvfrom")
    woken = replace(thread, ran_ns=40_000), loop

    site = only_loop(at_loop(woken, woken, woken)).waits[0]

    assert (site.episodes, site.longest_s) == (1, pytest.approx(0.02))


def test_a_wait_tells_its_calls_its_stays_and_how_long_they_took() -> None:
    """Three looks in turn 1 (0.00 to 0.02 s), then one in turn 2: two stays, the longest of 0.02 s."""
    looks = [inside(library("recv"), HANDLER, turn=1.0, call="recvfrom")] * 3

    site = only_loop(at_loop(*looks, inside(library("recv"), HANDLER, turn=2.0, call="poll"))).waits[0]

    assert (site.share, site.episodes, site.longest_s) == (Share(4, 4), 2, pytest.approx(0.02))
    assert site.calls == (("recvfrom", 3), ("poll", 1))
    assert site.culprit.library_frame == "recv (/srv/venv/lib/python3.12/site-packages/lib.py:1)"
    assert site.inner == library("recv")


def test_a_loop_of_which_no_poll_was_read_has_no_zero_polls() -> None:
    loop = only_loop(at_loop(inside(HANDLER, turn=1.0)))

    assert (loop.zero_polls, loop.ready) == (NO_LOOKS, NO_LOOKS)


def test_without_looks_or_loops_the_reason_is_told() -> None:
    unseen = loops(recording(one_process(threads=(main_thread(),))))
    plain = loops(recording(one_process(samples=at_loop(idle()).processes[0].samples)))

    assert unseen == Missing("no look at the threads' stacks succeeded")
    assert plain == Absent("no event loop runs in this service (1 looks at its threads)")


def test_without_turns_a_run_must_be_long_to_hold_the_loop() -> None:
    """Five looks on end are 40 ms of CPU after the first, eleven are 100 ms."""
    step = inside(HANDLER, task=7)

    assert only_loop(at_loop(*[step] * 5)).held == Share(0, 5)
    assert only_loop(at_loop(*[step] * 11)).held == Share(11, 11)


def test_what_its_thread_used_up_to_a_look_that_tore_counts_for_the_next_and_the_torn_are_counted() -> None:
    """Two looks in turn 1, with a torn one between them: 10 ms up to that and 10 ms since are 20 ms in one callback."""
    seen = at_loop(inside(HANDLER, turn=1.0), inside(HANDLER, turn=1.0), inside(HANDLER, turn=1.0))
    process = seen.processes[0]
    torn = replace(process.samples[1], loops=())
    samples = (process.samples[0], torn, process.samples[2])

    loop = only_loop(replace(seen, processes=(replace(process, samples=samples),)))

    assert (loop.held, loop.torn) == (Share(2, 2), 1)
    assert only_loop(seen).torn == 0


def uneven(*looks: Seen) -> Recording:
    """These looks at one loop, 6 and 16 milliseconds apart by turns."""
    seen = at_loop(*looks)
    process = seen.processes[0]
    samples = [
        replace(one, at_s=number // 2 * 0.022 + number % 2 * 0.006) for number, one in enumerate(process.samples)
    ]
    return replace(seen, processes=(replace(process, samples=tuple(samples)),))


def test_how_long_runs_are_is_told_by_looks_that_are_close_to_each_other() -> None:
    """Of 40 pairs 6 ms apart 30 meet the same run: with 0.5981 as the lower bound of that share, 15 ms and more."""
    same = [inside(HANDLER, turn=number) for number in range(30) for _ in "ab"]
    others = [inside(HANDLER, turn=100.0 + number) for number in range(20)]

    assert only_loop(uneven(*same, *others)).typical_s == pytest.approx(0.006 / (1 - Share(30, 40).low))
    assert only_loop(uneven(*others)).typical_s == pytest.approx(0.006)


def test_looks_that_are_far_from_each_other_tell_nothing_of_runs() -> None:
    assert only_loop(at_loop(*[inside(HANDLER, turn=1.0)] * 20)).typical_s == 0.0
