"""Cancellations in the hands of tasks that keep them, where nobody counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from recordings import PID, inside, library, loop_samples, main_thread, one_process, recording, task, task_looks, user

from spindoctor.evidence.cancellation import cancellations
from spindoctor.model.facts import Cancellations, CancelLoop
from spindoctor.model.frames import Frame
from spindoctor.model.hot import Failure
from spindoctor.model.recording import SourceWindow
from spindoctor.model.share import Share

RECEIVE, RAISE, CHECKPOINT = library("Channel.receive", 391), library("raise_cancel", 16), library("checkpoint", 30)
READ, CALLER = user("read", 4), user("order", 21)
KEEPS = ("async def read(feed):", "    while True:", "        try:", "            return await feed.receive()")
BASES = ("BaseException", "object")


def source(*handler: str) -> SourceWindow:
    return SourceWindow("/srv/app.py", 1, 1, (*KEEPS, *handler))


def told(  # noqa: PLR0913 - each says one thing about the looks
    caught: int,
    *,
    handler: tuple[str, ...] = ("        except BaseException:", "            continue"),
    kind: str = "trio.Cancelled",
    bases: tuple[str, ...] = BASES,
    tasks: Sequence[int] = (7,),
    looks: int = 60,
    places: tuple[Frame, ...] = (RAISE, CHECKPOINT),
) -> tuple[CancelLoop, ...]:
    """What is told where a task has a cancellation in hand in so many looks, of several tasks each in turn."""
    seen = [inside(CHECKPOINT, RECEIVE, READ, CALLER, task=tasks[n % len(tasks)], turn=n) for n in range(looks)]
    failures = tuple(Failure(n / 100, PID, kind, "", places, bases) for n in range(caught))
    look = {"tasks": tuple(task(one, CALLER, requests=None) for one in tasks)}
    process = one_process(
        samples=loop_samples(seen),
        failures=failures,
        functions=(source(*handler),),
        threads=(main_thread(),),
        task_looks=task_looks(look, look),
    )
    fact = cancellations(recording(process))
    assert isinstance(fact, Cancellations)
    return fact.loops


def test_a_task_that_keeps_its_cancellation_look_after_look_is_told_with_the_line() -> None:
    (loop,) = told(12)

    (held,) = loop.tasks
    assert (held.task.address, held.stuck, held.library) == (7, READ, RECEIVE)
    assert (held.in_hand, held.cancels, held.is_done, held.catches) == (Share(12, 60), None, False, True)
    assert (loop.pid, loop.tid, loop.scope, loop.callback) == (PID, PID, None, "")


def test_tasks_that_stand_at_one_line_are_told_together() -> None:
    (loop,) = told(12, tasks=(7, 8, 9))

    assert [(held.task.address, held.in_hand) for held in loop.tasks] == [(n, Share(4, 20)) for n in (7, 8, 9)]


@pytest.mark.parametrize(
    "handler",
    [
        ("        except ValueError:", "            continue"),
        ("        except BaseException:", "            close()", "            raise"),
    ],
)
def test_one_that_is_let_through_is_no_fault(handler: tuple[str, ...]) -> None:
    assert told(12, handler=handler) == ()


def test_the_handler_may_name_the_cancellation_itself_among_others() -> None:
    assert len(told(12, handler=("        except (ValueError, trio.Cancelled):", "            continue"))) == 1


def test_what_has_left_the_function_already_was_not_kept_there() -> None:
    assert told(12, places=(RAISE, CHECKPOINT, RECEIVE, READ, CALLER)) == ()


def test_a_few_are_met_by_chance() -> None:
    assert told(4) == ()


def test_tasks_that_are_each_cancelled_once_are_no_fault() -> None:
    assert told(12, tasks=tuple(range(1, 11))) == ()


def test_one_that_is_mostly_at_work_is_cancelled_for_a_reason_each_time() -> None:
    assert told(6, looks=400) == ()


def test_an_ordinary_exception_is_no_cancellation() -> None:
    assert told(12, kind="feeds.CancelledOrder", bases=("Exception", *BASES)) == ()
    assert told(12, kind="GeneratorExit") == ()


def test_a_task_that_is_told_by_its_count_is_not_told_twice() -> None:
    seen = [inside(CHECKPOINT, RECEIVE, READ, CALLER, task=7, turn=n) for n in range(60)]
    failures = tuple(Failure(n / 100, PID, "CancelledError", "", (RAISE, CHECKPOINT), BASES) for n in range(12))
    process = one_process(
        samples=loop_samples(seen),
        failures=failures,
        functions=(source("        except BaseException:", "            continue"),),
        threads=(main_thread(),),
        task_looks=task_looks(*({"tasks": (task(7, READ, CALLER, requests=n),)} for n in (1, 900))),
    )

    fact = cancellations(recording(process))

    assert isinstance(fact, Cancellations)
    assert [(held.task.address, held.cancels) for loop in fact.loops for held in loop.tasks] == [(7, 899)]
