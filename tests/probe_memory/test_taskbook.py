"""Tasks that move all the time take turns; what waits is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from spindoctor.cpython.layout import load_layout
from spindoctor.cpython.tasks import RawTask
from spindoctor.probe.taskbook import TaskBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spindoctor.probe.interpreter import Interpreter
    from spindoctor.probe.requests import RouteFinder

TASKS = tuple(range(0x1000, 0x1000 + 10 * 0x100, 0x100))
READING_S = 1.0


class Target:
    """Ten tasks without coroutines; to read one takes a second. Those in `moving` have moved at each look."""

    def __init__(self, *moving: int) -> None:
        self.moving = moving
        self.layout = load_layout((3, 12))
        self.reader = self.objects = self
        self.now_s = 0.0
        self.reads = 0

    def task(self, address: int) -> RawTask:
        self.now_s += READING_S
        return RawTask(address, "t", "pending", 1, None, "job", None, None, must_cancel=False, cancel_requests=0,
                       exception_type=None)  # fmt: skip

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        self.reads += 1
        return [bytes([self.reads % 256]) if address in self.moving else b"" for address, _ in ranges]

    def awaited_by(self, address: int) -> tuple[int, ...]:
        assert address in TASKS
        return ()


def book_of(target: Target) -> TaskBook:
    routes = cast("RouteFinder", SimpleNamespace(find=lambda _: None))
    return TaskBook(cast("Interpreter", target), routes, clock=lambda: target.now_s)


def read(book: TaskBook, seconds: float, *first: int) -> list[int]:
    book.open(TASKS)
    return [task.address for task in book.describe_within(seconds, TASKS, first)]


def test_reading_ends_when_the_time_is_up() -> None:
    assert read(book_of(Target()), 3 * READING_S) == list(TASKS[:3])


def test_tasks_that_move_all_the_time_take_turns() -> None:
    """Four of ten in each look: after three looks each has been read."""
    book = book_of(Target(*TASKS))

    seen = [read(book, 4 * READING_S) for _ in range(3)]

    assert seen == [list(TASKS[:4]), list(TASKS[4:8]), [*TASKS[8:], *TASKS[:2]]]


def test_tasks_that_wait_are_in_every_look_and_take_no_time() -> None:
    book = book_of(Target(*TASKS[5:]))
    read(book, 10 * READING_S)

    assert read(book, 1 * READING_S) == [*TASKS[:5], TASKS[5]]


def test_a_task_that_runs_is_read_in_every_look() -> None:
    book = book_of(Target(*TASKS))

    assert all(TASKS[9] in read(book, 2 * READING_S, TASKS[9]) for _ in range(3))


def test_only_the_first_look_is_the_first() -> None:
    book = book_of(Target())
    book.open(TASKS)
    was_first = book.is_first
    book.open(TASKS)

    assert (was_first, book.is_first) == (True, False)
