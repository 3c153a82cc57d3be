"""Does a thread get anywhere, or does it ask the same question again and again?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from recordings import library, user

from spindoctor.evidence.anatomy import anatomies, find
from spindoctor.evidence.asking import Asking, asking, circle_of
from spindoctor.evidence.attempts import attempt_around
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.hot import Held, HotLook
from spindoctor.model.recording import SourceWindow
from spindoctor.model.share import Share

FIRST = 10
"""The line of `def` in all sources here."""


def source(text: str, first: int = FIRST) -> SourceWindow:
    return SourceWindow("/srv/app.py", first, first, tuple(text.strip("\n").split("\n")))


def at(*lines: int, function: str = "run") -> list[Stack]:
    return [(user(function, line),) for line in lines]


def told(text: str, stacks: Sequence[Stack], hot: Sequence[HotLook] = (), caught: Sequence[str] = ()) -> Asking:
    return asking(stacks, hot, caught, anatomies([source(text)]))


def holds(number: int, *values: int, line: int = 11) -> HotLook:
    """The loop's variables n0, n1 ... with these values."""
    held = tuple(Held(f"n{place}", value, value) for place, value in enumerate(values))
    return HotLook(number / 25, 7, (user("run", line),), held=(held,))


FLAG = """
def run():
    while not stop.flag:
        pass
"""

GUARDED = """
def run():
    while True:
        if not inbox.empty():
            handle(inbox.get())
"""

NOWAIT = """
def run():
    while True:
        try:
            item = inbox.get_nowait()
        except Empty:
            continue
        handle(item)
"""

WORKING = """
def run():
    while not event.is_set():
        digest.update(data)
"""

STEPS = """
def run():
    while alive:
        step()

def step():
    for message in inbox:
        handle(message)
"""


def test_a_bare_condition_is_asked_at_its_line() -> None:
    found = told(FLAG, at(11, 11, 12, 11))

    assert (found.asks, found.works) == (Share(3, 4), Share(0, 4))
    assert found.place == user("run", 11)


def test_what_stands_behind_a_condition_is_work_where_it_is_met() -> None:
    assert told(GUARDED, at(11, 12, 12, 12)).works == Share(0, 4)
    assert told(GUARDED, at(11, 12, 13, 13)).works == Share(2, 4)


def test_the_different_ways_are_counted() -> None:
    assert told(GUARDED, at(11, 12, 12, 12)).ways == Share(2, 4)


def test_a_call_whose_result_nobody_looks_at_is_work() -> None:
    found = told(WORKING, at(11, 12, 12, 12))

    assert (found.asks, found.works) == (Share(1, 4), Share(3, 4))


@pytest.mark.parametrize(
    ("line", "asks", "works"),
    [
        ("    while clock() < end: digest.update(data)", 0, 4),
        ("    while clock() < end: total += weigh(data)", 0, 4),
        ("    while not stop.is_set(): pass", 4, 0),
        ("    while not stop.is_set(): time.sleep(0)", 4, 0),
        ("    while not inbox.qsize(): tries += 1", 4, 0),
        ("    while True: check(); digest.update(data)", 0, 4),
    ],
)
def test_a_loop_on_one_line_asks_only_where_its_body_does_nothing(line: str, asks: int, works: int) -> None:
    found = told(f"def run():\n{line}", at(11, 11, 11, 11))

    assert (found.asks.count, found.works.count) == (asks, works)


@pytest.mark.parametrize("text", ["    sum(i * i for i in numbers)", "    while True: sum(i * i for i in numbers)"])
def test_going_through_a_generator_expression_is_work(text: str) -> None:
    """Its frame stands above the line that calls for it, and is no function whose own lines could be read."""
    loop = text if "while" in text else f"    while True:\n    {text}"
    place = 11 + ("while" not in text)
    stacks: list[Stack] = [(user("run.<locals>.<genexpr>", place), user("run", place))] * 3

    found = told(f"def run():\n{loop}", [*stacks, (user("run", place),)])

    assert (found.asks.count, found.works.count) == (0, 3)


def test_a_failure_that_says_not_yet_is_a_question() -> None:
    """The handler was met in 3 of 10 looks, and what follows the attempt never."""
    stacks = at(*[13] * 7, 14, 14, 15)

    found = told(NOWAIT, stacks)

    assert (found.asks, found.works) == (Share(7, 10), Share(0, 10))
    assert found.asked == ("an exception each time",)
    assert told(NOWAIT, stacks, caught=["_queue.Empty"]).asked == ("Empty each time",)


def test_another_failure_is_work() -> None:
    found = told(NOWAIT, at(*[13] * 7, 14, 14, 15), caught=["ConnectionRefusedError"])

    assert (found.asks, found.works) == (Share(0, 10), Share(7, 10))


def test_a_queue_that_is_never_empty_is_worked_on() -> None:
    """The handler was not met: the attempt succeeds, and the line behind it works."""
    found = told(NOWAIT, at(13, 13, 16, 16, 16, 16))

    assert found.works == Share(6, 6)


def test_a_command_is_judged_by_what_it_does() -> None:
    """`step` finds nothing to go through in one, and handles messages in the other."""
    window = source(STEPS)
    functions = [
        SourceWindow(window.file, 10, 10, window.lines[:3]),
        SourceWindow(window.file, 14, 14, window.lines[4:]),
    ]
    idle = [(user("step", 15), user("run", 12))] * 8 + at(11, 12)
    busy = [(user("step", 16), user("run", 12))] * 8 + at(11, 12)

    asked, worked = (asking(stacks, (), (), anatomies(functions)) for stacks in (idle, busy))

    assert (asked.asks, asked.works) == (Share(9, 10), Share(0, 10))
    assert worked.works == Share(8, 10)


def test_a_native_function_asks_only_where_its_name_says_so() -> None:
    asks, turns = (
        told(f"def run():\n    while {name}(world):\n        pass", at(*[11] * 9, 12)) for name in ("poll", "advance")
    )

    assert (asks.asks, asks.works) == (Share(9, 10), Share(0, 10))
    assert turns.works == Share(9, 10)


def test_the_loop_is_the_one_that_nearly_all_looks_are_in() -> None:
    """The function that asks has no loop; the one that calls it has. The loop of the thread's start is none."""
    stacks = [(library("Queue.empty", 5), user("run", 12), library("Thread.run", 9))] * 20

    circle = circle_of(stacks, anatomies([source(GUARDED)]))

    assert circle is not None
    assert (circle.place, circle.depth) == (user("run", 12), 2)


def test_without_source_nothing_is_asked() -> None:
    found = asking(at(11, 12), (), (), {})

    assert (found.asks.of, found.place) == (0, None)


def test_what_was_held_before_is_nothing_new() -> None:
    """Three states that come again are no progress; a fourth, fifth and sixth are."""
    circle = [holds(n, n % 3) for n in range(9)]
    progress = [holds(n, n) for n in range(9)]

    assert told(FLAG, at(11), circle).repeats == Share(6, 8)
    assert told(FLAG, at(11), progress).repeats == Share(0, 8)


COUNTED = """
def run():
    while not stop.flag:
        n0 += 1
        n1 = monotonic()
"""


def test_a_counter_that_decides_nothing_is_no_progress() -> None:
    looks = [holds(n, n, n) for n in range(9)]

    assert told(COUNTED, at(11), looks).repeats == Share(8, 8)
    assert told(COUNTED.replace("stop.flag", "n0 > 9"), at(11), looks).repeats == Share(0, 8)


def test_callees_are_compared_by_value_and_the_loop_by_identity() -> None:
    """The callee is given another object with the same values in each turn."""
    inner = [Held("queue", n, 1) for n in range(9)]
    stack = (user("check", 30), user("run", 11))
    same_object = [HotLook(n / 25, 7, stack, held=((one,), (Held("a", 1, 1),))) for n, one in enumerate(inner)]
    other_object = [HotLook(n / 25, 7, stack, held=((one,), (Held("a", n, 1),))) for n, one in enumerate(inner)]

    assert told(FLAG, [stack], same_object).repeats == Share(8, 8)
    assert told(FLAG, [stack], other_object).repeats == Share(0, 8)


RETRIES = """
async def run():
    while True:
        try:
            reader = await connect()
            line = await reader.readline()
        except OSError:
            log()
            continue
        handle(line)
"""


def test_an_attempt_knows_its_handler_and_what_is_never_reached() -> None:
    attempt = attempt_around(anatomies([source(RETRIES)]), "/srv/app.py", 13)

    assert attempt is not None
    assert (list(attempt.body), attempt.handlers) == ([13, 14], {15, 16, 17})
    assert attempt.after == {14, 18}
    assert not attempt.is_elsewhere(11)


@pytest.mark.parametrize(
    ("old", "new"),
    [("continue", "raise"), ("continue", "break"), ("while True", "for host in hosts")],
)
def test_what_leaves_the_loop_or_ends_by_itself_is_no_endless_attempt(old: str, new: str) -> None:
    text = RETRIES.replace(old, new)

    assert attempt_around(anatomies([source(text)]), "/srv/app.py", 13) is None


def test_functions_are_found_by_line_and_broken_source_is_left_out() -> None:
    known = anatomies([source(FLAG), source("def broken(:", 40)])

    assert find(known, "/srv/app.py", 12) is not None
    assert find(known, "/srv/app.py", 40) is None


def test_a_method_keeps_its_line_numbers() -> None:
    """Its source is indented, so it does not parse as it is."""
    method = "\n".join(f"    {line}" for line in FLAG.strip("\n").split("\n"))

    found = told(method, at(11, 11, 12))

    assert found.place == Frame("run", "/srv/app.py", 11)
