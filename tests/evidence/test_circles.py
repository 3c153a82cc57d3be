"""Coroutines that wake each other, counted by hand."""

from __future__ import annotations

from recordings import Seen, inside, library, loop_samples, main_thread, one_process, spinning, task, task_looks, user

from spindoctor.evidence.circles import circles
from spindoctor.model.facts import Circle
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.model.share import Share

READ_READY = Frame("_SelectorSocketTransport._read_ready", "/usr/lib/python3.12/asyncio/selector_events.py", 960)
CALL_SOON = Frame("BaseEventLoop.call_soon", "/usr/lib/python3.12/asyncio/base_events.py", 790)
RELEASE = Frame("_release_waiter", "/usr/lib/python3.12/asyncio/tasks.py", 420)


def found(*looks: Seen, serving: tuple[int, ...] = ()) -> list[Circle]:
    tasks = tuple(task(address, route=Route("GET", "/")) for address in serving)
    return circles(
        one_process(threads=(main_thread(),), samples=loop_samples(looks), task_looks=task_looks({"tasks": tasks}))
    )


def test_tasks_of_two_coroutines_that_fill_the_loop_are_a_circle() -> None:
    """Two steps of one coroutine, one of the other, one look at the loop reading from a socket."""
    left, right = user("left", 14), user("right", 20)

    (circle,) = found(
        inside(left, task=1, turn=1.0),
        inside(right, task=2, turn=2.0),
        inside(left, task=1, turn=3.0),
        inside(READ_READY, turn=4.0),
        spinning(5.0),
    )

    assert (circle.share, circle.incoming) == (Share(3, 4), Share(1, 4))
    assert [(one.function, one.line) for one in circle.members] == [("left", 14), ("right", 20)]


def test_looks_that_hide_whose_step_it_is_are_left_out() -> None:
    (circle,) = found(inside(user("poll"), task=1, turn=1.0), inside(CALL_SOON, task=1, turn=2.0))

    assert circle.share == Share(1, 1)


def test_a_callback_by_which_asyncio_wakes_a_task_is_part_of_the_circle_and_no_place_to_blame() -> None:
    (circle,) = found(inside(user("poll", 3), task=1, turn=1.0), inside(RELEASE, turn=2.0))

    assert circle.share == Share(2, 2)
    assert [one.function for one in circle.members] == ["poll"]


def test_a_callback_of_somebody_else_is_no_part_of_it() -> None:
    """It may be what the loop calls for a descriptor that is ready."""
    (circle,) = found(inside(user("poll"), task=1, turn=1.0), inside(library("on_events"), turn=2.0))

    assert (circle.share, circle.incoming) == (Share(1, 2), Share(1, 2))


def test_steps_of_tasks_with_a_request_serve() -> None:
    looks = (inside(user("handle"), task=number, turn=float(number)) for number in (1, 2, 3))

    (circle,) = found(*looks, serving=(2, 3))

    assert circle.serving == Share(2, 3)


def test_a_loop_without_a_step_has_no_circle() -> None:
    assert found(inside(READ_READY, turn=1.0)) == []
    assert circles(one_process(threads=(main_thread(),))) == []


def test_a_place_without_a_line_is_not_named_where_there_is_one_with_a_line() -> None:
    """Instructions that clean up after a `try` have no line."""
    nowhere, wait = user("poll", 0), user("poll", 12)

    (circle,) = found(*(inside(frame, task=1, turn=float(turn)) for turn, frame in enumerate((nowhere, nowhere, wait))))

    assert [one.line for one in circle.members] == [12]
