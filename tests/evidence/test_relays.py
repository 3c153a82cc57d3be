"""Functions whose tasks keep a loop awake one after the other."""

from __future__ import annotations

from typing import Any

from recordings import library, main_thread, one_process, recording, task, task_looks, user

from spindoctor.evidence.reschedulers import reschedulers
from spindoctor.model.facts import Rescheduler, Reschedulers
from spindoctor.model.share import Share
from spindoctor.model.tasks import BARE_YIELD, Task

POLLS = (library("sleep", 700), user("poll", 91), library("handle", 5))


def stepping(number: int, **more: Any) -> Task:  # noqa: ANN401 - whatever a task has
    return task(number, *POLLS, **{"waits_on": BARE_YIELD, **more})


def told(*looks: tuple[Task, ...]) -> list[Rescheduler]:
    """The entries for several tasks, of slow looks that met these."""
    process = one_process(task_looks=task_looks(*({"tasks": tasks} for tasks in looks)), threads=(main_thread(),))
    seen = reschedulers(recording(process))
    assert isinstance(seen, Reschedulers)
    return [one for one in seen.entries if one.members]


def test_requests_that_poll_one_after_the_other_are_told_by_their_function() -> None:
    """Two requests, four looks each; between them one look met neither."""
    looks = [(stepping(1),)] * 4 + [()] + [(stepping(2),)] * 4

    (found,) = told(*looks)

    assert (found.members, found.seen, found.steps_at_once) == (2, Share(8, 9), True)
    assert (found.culprit.function, found.culprit.line) == ("poll", 91)


def test_who_gives_way_once_in_each_request_is_no_poller() -> None:
    """Each task was met at it once or twice, and is gone a moment later."""
    assert told(*[(stepping(number // 2),) for number in range(12)]) == []


def test_tasks_that_wait_for_something_in_between_are_no_pollers() -> None:
    waits = [(stepping(one), stepping(two)) for one, two in [(1, 2)] * 4]
    others = [(stepping(1, waits_on="_asyncio.Future"), stepping(2, waits_on="_asyncio.Future"))] * 2

    assert told(*waits, *others) == []


def test_one_task_alone_is_told_by_itself() -> None:
    assert told(*[(stepping(1),)] * 6) == []


def test_the_next_task_at_an_address_is_another_one() -> None:
    """Two looks each: neither was met three times, though their address was met four times."""
    first, second = stepping(7), Task(7, "Task-8", "pending", "work", first_loop(), chain=POLLS, waits_on=BARE_YIELD)

    assert told((first,), (first,), (second,), (second,)) == []


def first_loop() -> int:
    return stepping(7).loop
