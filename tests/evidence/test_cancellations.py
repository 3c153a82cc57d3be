"""Cancellations that are delivered again and again, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from recordings import (
    PID,
    callback,
    inside,
    library,
    loop_samples,
    main_thread,
    one_process,
    recording,
    task,
    task_looks,
    user,
)

from spindoctor.evidence.cancellation import cancellations
from spindoctor.model.facts import Cancellations
from spindoctor.model.recording import Candidate, SourceWindow, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import Scope, Task

STUCK = user("events", 31)
DELIVER = "CancelScope._deliver_cancellation"


def scope(*tasks: Task, cancelled: bool | None = True, **more: Any) -> Scope:  # noqa: ANN401 - whatever it holds
    return Scope(0x5C, "CancelScope", DELIVER, is_cancelled=cancelled, tasks=tasks, **more)


def told(*looks: dict[str, Any], **seen: Any) -> Cancellations:  # noqa: ANN401 - whatever was seen
    process = one_process(task_looks=task_looks(*looks), threads=(main_thread(),), **seen)
    fact = cancellations(recording(process))
    assert isinstance(fact, Cancellations)
    return fact


def test_a_done_task_in_a_cancelled_scope_is_held() -> None:
    done = task(7, state="finished")
    look = {"scopes": (scope(done, host=done),)}

    fact = told(look, look, look)

    assert [(one.pid, one.tid, one.thread, one.seen) for one in fact.loops] == [(PID, PID, "MainThread", Share(3, 3))]
    assert [(held.is_done, held.cancels, held.stuck) for held in fact.loops[0].tasks] == [(True, 0, None)]
    assert fact.loops[0].host == done
    assert fact.looks == 3


def test_other_tasks_of_the_scope_and_those_that_wait_for_it_are_its_siblings() -> None:
    done, shielded = task(7, state="finished", awaited_by=(9,)), task(8, STUCK, requests=0)
    look = {"scopes": (scope(done, shielded),), "tasks": (task(9), task(10))}

    fact = told(look, look, look)

    assert [held.task.address for held in fact.loops[0].tasks] == [7]
    assert {one.address for one in fact.loops[0].related} == {8, 9}


def test_a_task_that_swallows_is_held_at_the_line_where_it_waits() -> None:
    """From 100 to 30,100 requests; the chain seen most that has a line of user code wins over one without."""
    seen = [
        {"scopes": (scope(task(7, library("sleep"), STUCK, requests=100)),)},
        {"scopes": (scope(task(7, library("sleep"), STUCK, requests=15_100)),)},
        {"scopes": (scope(task(7, requests=20_000)),)},
        {"scopes": (scope(task(7, library("sleep"), requests=30_100)),)},
    ]

    held = told(*seen).loops[0].tasks[0]

    assert (held.cancels, held.requests, held.is_done) == (30_000, 30_100, False)
    assert (held.stuck, held.library) == (STUCK, library("sleep"))


def nested(*, waits: Task, swallows: Task) -> dict[str, Any]:
    """An outer scope with the task that opened a group, whose own scope holds a child."""
    outer = scope(waits, host=waits)
    return {"scopes": (outer, replace(scope(swallows, host=waits), address=0x5D))}


def test_a_task_that_only_waits_for_the_children_of_its_group_is_no_cause() -> None:
    """Both scopes are cancelled on each turn; the one that holds the child is the cause, the host waits for it."""
    at_exit = (library("TaskGroup.__aexit__"), user("nested", 38))
    seen = [
        nested(waits=task(7, *at_exit, requests=n), swallows=task(8, library("wait"), STUCK, requests=n + 1))
        for n in (100, 9_000, 18_000)
    ]

    loops = told(*seen).loops

    assert [[held.task.address for held in one.tasks] for one in loops] == [[8]]
    assert [one.address for one in loops[0].related] == [7]


def test_a_task_that_swallows_itself_is_a_cause_beside_its_children() -> None:
    source = ("async def nested():", "    try:", "        await group", "    except BaseException:", "        pass")
    seen = [
        nested(waits=task(7, library("wait"), user("nested", 12), requests=n), swallows=task(8, STUCK, requests=n))
        for n in (100, 9_000, 18_000)
    ]

    loops = told(*seen, functions=functions(*source)).loops

    assert sorted(held.task.address for one in loops for held in one.tasks) == [7, 8]


SOURCE = (
    "async def stubborn(feed):",
    "    while True:",
    "        try:",
    "            await take(feed)",
    "        except BaseException:",
    "            continue",
)


def functions(*lines: str) -> tuple[SourceWindow, ...]:
    return (SourceWindow("/srv/app.py", 10, 10, lines), SourceWindow("/srv/app.py", 30, 30, ("async def take(feed):",)))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("BaseException", "BaseException", 13),
        (" BaseException", "", 13),
        ("BaseException", "(OSError, asyncio.CancelledError) as error", 13),
        ("BaseException", "Exception", 31),
        ("continue", "raise", 31),
    ],
)
def test_of_a_chain_the_place_is_where_the_cancellation_is_caught(old: str, new: str, line: int) -> None:
    """Not the innermost line of user code, through which it only passes."""
    chain = (library("get"), user("take", 31), user("stubborn", 13), user("main", 50))
    seen = [{"scopes": (scope(task(7, *chain, requests=count)),)} for count in (0, 9_000, 18_000)]

    held = told(*seen, functions=functions(*(one.replace(old, new) for one in SOURCE))).loops[0].tasks[0]

    assert held.stuck is not None
    assert held.stuck.line == line


def test_what_is_suppressed_is_caught_too() -> None:
    text = ("async def stubborn(feed):", "    with contextlib.suppress(BaseException):", "        await take(feed)")
    seen = [{"scopes": (scope(task(7, user("take", 31), user("stubborn", 12), requests=n)),)} for n in (0, 9_000)]

    held = told(*seen, functions=functions(*text)).loops[0].tasks[0]

    assert held.stuck == user("stubborn", 12)


def test_the_outer_part_of_a_chain_counts_only_where_no_look_shows_more() -> None:
    """A task that runs shows no more than its outermost function; it ran in three of four looks."""
    chains = [(user("main", 50),)] * 3 + [(library("get"), STUCK, user("main", 50))]
    seen = [{"scopes": (scope(task(7, *chain, requests=n * 9_000)),)} for n, chain in enumerate(chains)]

    assert told(*seen).loops[0].tasks[0].stuck == STUCK


def test_who_runs_beside_a_task_that_is_cancelled_for_ever_is_named() -> None:
    """Without a scope: task 8 is met queued in each of three looks, task 9 once."""
    tasks = (task(8, user("nag", 40), requests=0), task(9, user("other", 41), requests=0))
    looks = [
        {
            "tasks": (task(7, STUCK, requests=count), *tasks),
            "callbacks": (callback("step", of_task=8), *([callback("step", of_task=9)] if not count else [])),
        }
        for count in (0, 25_000, 50_000)
    ]

    assert [one.address for one in told(*looks).loops[0].related] == [8]


def test_a_line_that_no_chain_shows_is_taken_from_the_stacks_of_the_running_task() -> None:
    """The slow looks meet it between two awaits; the quick looks meet it at its line twice, elsewhere once."""
    seen = [{"tasks": (task(7, library("sleep"), requests=count),)} for count in (0, 10_000, 20_000)]
    quick = [inside(library("sleep"), STUCK, task=7), inside(STUCK, task=7), inside(library("sleep"), STUCK, task=7)]

    held = told(*seen, samples=loop_samples([*quick, inside(user("other", 99), task=8)])).loops[0].tasks[0]

    assert (held.stuck, held.library) == (STUCK, library("sleep"))


def test_a_pending_task_whose_count_stands_still_is_no_loop() -> None:
    """A task in shielded clean-up: cancelled once, then left alone."""
    look = {"scopes": (scope(task(7, STUCK, requests=1)),)}

    assert told(look, look, look).loops == ()


def test_a_version_without_counts_goes_by_the_scope() -> None:
    look = {"scopes": (scope(task(7, STUCK, requests=None)),)}

    fact = told(look, look, look)

    assert [held.cancels for held in fact.loops[0].tasks] == [None]


def test_without_counts_a_scope_must_say_that_it_is_cancelled() -> None:
    look = {"scopes": (scope(task(7, STUCK, requests=None), cancelled=None),)}

    assert told(look, look, look).loops == ()


def test_a_scope_seen_once_was_being_left() -> None:
    done = {"scopes": (scope(task(7, state="cancelled")),)}

    assert told({}, done, {}).loops == ()


def test_a_growing_count_alone_shows_a_hunted_task_and_who_keeps_running() -> None:
    """No scope is known: 50,000 requests in half a second; the callback that is not the task's own is told."""
    looks = [
        {"tasks": (task(7, STUCK, requests=count),), "callbacks": (callback("nag"), callback("step", of_task=7))}
        for count in (0, 25_000, 50_000)
    ]

    fact = told(*looks)

    assert [(one.scope, one.callback, one.seen) for one in fact.loops] == [(None, "nag", Share(3, 3))]
    assert fact.loops[0].tasks[0].stuck == STUCK


def test_a_task_that_a_scope_already_explains_is_told_once() -> None:
    looks = [
        {"tasks": (task(7, STUCK, requests=count),), "scopes": (scope(task(7, STUCK, requests=count)),)}
        for count in (0, 25_000, 50_000)
    ]

    assert len(told(*looks).loops) == 1


def test_a_few_cancellations_at_shutdown_are_no_hunt() -> None:
    """Two requests in half a second are four a second, and far below fifty."""
    looks = [{"tasks": (task(7, STUCK, requests=count),)} for count in (0, 1, 2)]

    assert told(*looks).loops == ()


def test_only_the_shapes_that_leave_a_scope_open_are_candidates_bare_ones_before_managed_ones() -> None:
    bare = Candidate("yield-in-scope", "stream", "/srv/app.py", 27)
    managed = Candidate("yield-in-managed-scope", "lifespan", "/srv/app.py", 5)
    fork = Candidate("listen-before-fork", "<module>", "/srv/app.py", 40)
    look = {"scopes": (scope(task(7, state="finished")),)}

    assert told(look, look, candidates=(managed, fork, bare)).loops[0].candidates == (bare,)
    assert told(look, look, candidates=(managed, fork)).loops[0].candidates == (managed,)


def test_one_look_at_the_tasks_is_too_few() -> None:
    process = one_process(task_looks=task_looks({}), missing=(("tasks", "no asyncio in this process"),))

    assert cancellations(recording(process)) == Missing("no asyncio in this process")


def test_the_thread_is_the_one_whose_loop_the_task_is_on() -> None:
    done = task_looks(*[{"scopes": (scope(task(7, state="finished")),)}] * 2)
    other = ThreadUse(101, "other loop", "python", loop=0xB0)

    fact = cancellations(recording(one_process(task_looks=done, threads=(other, main_thread()))))

    assert isinstance(fact, Cancellations)
    assert (fact.loops[0].tid, fact.loops[0].thread) == (PID, "MainThread")


def _older(*looks: tuple[str, bool, bool]) -> Cancellations:
    """Looks at one address before 3.11: the name of the task there, a cancellation on its way or not, queued or not."""
    made = [
        {
            "tasks": (replace(task(7, user("work", 3), requests=None), name=name, must_cancel=coming),),
            "callbacks": (callback("step", of_task=7),) if queued else (),
        }
        for name, coming, queued in looks
    ]
    told = cancellations(recording(one_process(task_looks=task_looks(*made), threads=(main_thread(),))))
    assert isinstance(told, Cancellations)
    return told


def test_before_3_11_a_task_that_never_steps_is_not_cancelled_again_and_again() -> None:
    """It awaits a future that was cancelled, and is garbage that has not been collected."""
    assert _older(*[("Task-1", True, False)] * 8).loops == ()
    assert len(_older(*[("Task-1", True, True)] * 8).loops) == 1


def test_cancellations_on_their_way_to_an_earlier_task_at_the_same_address_do_not_count() -> None:
    assert _older(*[("Task-1", True, True)] * 8, ("Task-9", False, True)).loops == ()


def test_an_object_that_only_has_to_do_with_the_same_task_is_no_second_scope() -> None:
    """A server's protocol keeps the task of its request too, and its callback was met in two looks of three."""
    held = task(7, library("sleep"), STUCK, requests=100)
    protocol = replace(scope(held), address=0x5E, type_name="HttpToolsProtocol", callback="HttpToolsProtocol.timeout")
    looks = [{"scopes": (protocol, scope(held))}] * 2 + [{"scopes": (scope(held),)}]
    busy = replace(held, cancel_requests=30_000)

    fact = told(*looks, {"scopes": (scope(busy),)})

    assert [one.scope.type_name for one in fact.loops if one.scope] == ["CancelScope"]
