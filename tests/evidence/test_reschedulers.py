"""Who keeps coming back, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from recordings import (
    LOOP,
    PID,
    callback,
    inside,
    library,
    loop_samples,
    main_thread,
    one_process,
    recording,
    spinning,
    task,
    task_looks,
    user,
)

from spindoctor.evidence.reschedulers import reschedulers
from spindoctor.model.facts import Rescheduler, Reschedulers
from spindoctor.model.rule import Missing
from spindoctor.model.sample import LoopLook, Sample
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD, HUB

POLL = user("Jobs.wait", 18)


def entries(*looks: dict[str, Any], samples: tuple[Sample, ...] = ()) -> tuple[Rescheduler, ...]:
    process = one_process(task_looks=task_looks(*looks), threads=(main_thread(),), samples=samples)
    told = reschedulers(recording(process))
    assert isinstance(told, Reschedulers)
    return told.entries


def test_the_task_that_is_queued_in_every_look_comes_first() -> None:
    """Task 7 is there in three of three looks, the accepting callback in one."""
    polling = task(7, library("sleep"), POLL, waits_on=BARE_YIELD)
    look: dict[str, Any] = {"tasks": (polling,), "callbacks": (callback("step", of_task=7),)}
    busy = {**look, "callbacks": (callback("accept"), callback("step", of_task=7))}

    first, second = entries(look, busy, look)

    assert (first.seen, first.is_task, first.steps_at_once) == (Share(3, 3), True, True)
    assert first.name == "task Task-7 (work)"
    assert (first.culprit.function, first.culprit.line, first.culprit.thread) == ("Jobs.wait", 18, "MainThread")
    assert (second.seen, second.is_task, second.name) == (Share(1, 3), False, "accept")


def test_a_greenlet_that_runs_is_counted_though_it_is_a_task_while_it_is_suspended() -> None:
    """No step of a task leads to it, so its own function is all that shows: nine looks of nine."""
    waiting = replace(task(7, library("sleep"), POLL, waits_on=HUB), coroutine="Jobs.wait")
    samples = loop_samples([inside(library("sleep"), POLL)] * 9)

    first, *_ = entries({"tasks": (waiting,)}, samples=samples)

    assert (first.seen, first.culprit.function, first.is_task) == (Share(9, 9), "Jobs.wait", False)


def test_a_task_that_waits_for_something_does_not_step_at_once() -> None:
    reading = task(7, library("readline"), POLL, waits_on="Future")
    look = {"tasks": (reading,), "callbacks": (callback("step", of_task=7),)}

    assert [one.steps_at_once for one in entries(look, look)] == [False]


def test_a_task_queued_twice_in_one_look_is_seen_once() -> None:
    look = {"callbacks": (callback("tick", holder=9), callback("tick", holder=9))}

    assert [one.seen for one in entries(look, look)] == [Share(2, 2)]


def test_callbacks_of_different_objects_are_different() -> None:
    looks = [{"callbacks": (callback("Handle.run", holder=number),)} for number in range(3)]

    assert [one.seen for one in entries(*looks)] == [Share(1, 3)] * 3


def test_a_plain_callback_is_placed_where_its_holder_was_seen_running() -> None:
    """The queue shows the function that is called; the stacks show what it runs. They are one entry."""
    thread, loop = inside(user("Ticker.tick", 9), user("Timer.fire"), turn=1.0)
    held = LoopLook(PID, LOOP, turn=1.0, callback=1, holder=9, depth=loop.depth)
    look = {"callbacks": (callback("Timer.fire", holder=9),)}

    found = entries(look, look, samples=loop_samples([(thread, held)]))

    assert [(one.culprit.function, one.culprit.line) for one in found] == [("Ticker.tick", 9)]


def test_what_was_never_seen_running_is_placed_at_its_own_first_line() -> None:
    look = {"callbacks": (callback("Timer.fire"),)}

    assert [(one.culprit.function, one.culprit.file) for one in entries(look)] == [("Timer.fire", "/srv/app.py")]


def test_without_a_slow_look_nobody_can_be_named() -> None:
    assert isinstance(reschedulers(recording(one_process())), Missing)


def test_one_look_at_a_real_wait_shows_that_it_does_not_step_at_once() -> None:
    """A task that yields now and then, but was once found waiting for a future."""
    waits = [task(7, POLL, waits_on=what) for what in (BARE_YIELD, "Future", BARE_YIELD)]
    looks = [{"tasks": (one,), "callbacks": (callback("step", of_task=7),)} for one in waits]

    assert [one.steps_at_once for one in entries(*looks)] == [False]


def test_quick_looks_that_found_it_running_count_beside_the_slow_ones() -> None:
    """Two slow looks, and three quick ones inside a callback of which two were its own; one quick look was outside."""
    mine, other = inside(POLL, turn=1.0, task=7), inside(user("handler"), turn=2.0, task=8)
    look = {"tasks": (task(7, POLL),), "callbacks": (callback("step", of_task=7),)}

    found = entries(look, look, samples=loop_samples([mine, mine, other, spinning(3.0)]))

    assert [(one.name, one.seen) for one in found] == [("task Task-7 (work)", Share(4, 5)), ("handler", Share(1, 5))]


def test_a_task_that_is_always_queued_is_not_hidden_by_others_that_run_longer() -> None:
    """It is in the queue in six slow looks of six, and runs in one quick look of ten: the six count."""
    mine, other = inside(POLL, turn=1.0, task=7), inside(user("handler"), turn=2.0, task=8)
    look = {"tasks": (task(7, POLL),), "callbacks": (callback("step", of_task=7),)}

    found = entries(*[look] * 6, samples=loop_samples([mine, *[other] * 9]))

    assert [(one.name, one.seen) for one in found] == [("task Task-7 (work)", Share(6, 6)), ("handler", Share(9, 16))]


def test_a_library_function_that_belongs_to_no_object_is_placed_where_the_users_code_below_it_was_met() -> None:
    """A greenlet begins in its library; three looks met the user's poll in it, one only the library's own lines."""
    poll, main = user("Feed.follow", 15), library("main", 272)
    looks = [inside(library("switch"), poll, main), inside(library("sleep"), poll, main), inside(poll, main)]

    first, *_ = entries({}, samples=loop_samples([*looks, inside(main)]))

    assert (first.name, first.culprit.function, first.culprit.line) == ("Feed.follow", "Feed.follow", 15)


def test_a_task_that_polls_in_bursts_is_placed_where_it_polls() -> None:
    """It was met asleep between two bursts more often than in them."""
    polls = {"tasks": (task(7, library("sleep"), POLL, waits_on=BARE_YIELD),), "callbacks": (callback("s", of_task=7),)}
    sleeps = {"tasks": (task(7, library("sleep"), user("Jobs.wait", 20), waits_on="Future"),)}

    (found,) = entries(polls, sleeps, sleeps, polls, sleeps)

    assert (found.culprit.line, found.seen, found.steps_at_once) == (18, Share(2, 2), False)


def test_a_method_met_running_without_its_object_is_the_one_that_was_queued_with_it() -> None:
    """A frame does not always tell whose method it runs (a first argument by another name); the queue does."""
    runs, waits = replace(callback("tick"), is_running=True), callback("tick", 4711)

    (one,) = entries(*[{"callbacks": (waits,)}] * 3, *[{"callbacks": (runs,)}] * 5)

    assert (one.seen, one.queued) == (Share(8, 8), Share(3, 3))


def test_a_method_of_two_objects_stays_that_of_nobody_known() -> None:
    looks = [{"callbacks": (callback("tick", holder),)} for holder in (4711, 4712)]

    found = entries(*looks, {"callbacks": (replace(callback("tick"), is_running=True),)})

    assert sorted(one.seen.count for one in found) == [1, 1, 1]
