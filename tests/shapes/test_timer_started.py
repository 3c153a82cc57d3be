"""Timers that are started and not cancelled; `# <-` marks the line to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes

FOUND = {
    "a variable": """
        def watch(parcel):
            timer = threading.Timer(300, overdue, (parcel,))
            timer.daemon = True
            timer.start()  # <-
        """,
    "at once": """
        def watch(parcel):
            Timer(300, overdue).start()  # <-
        """,
    "renamed": """
        from threading import Timer as Later
        async def watch(parcel):
            one = Later(300, overdue)
            one.start()  # <-
        """,
    "an attribute": """
        class Parcel:
            def watch(self):
                self.timer = threading.Timer(300, self.overdue)
                self.timer.start()  # <-
        """,
    "of the module": """
        timer = threading.Timer(300, overdue)
        timer.start()  # <-
        """,
}

LEFT_OUT = {
    "cancelled": "def f():\n    one = Timer(3, g)\n    one.start()\n    h()\n    one.cancel()",
    "never started": "def f():\n    return Timer(3, g)",
    "another is started": "def f():\n    one = Timer(3, g)\n    other.start()",
    "a thread": "def f():\n    one = Thread(target=g)\n    one.start()",
    "a stopwatch that is no call's result": "def f(one: Timer):\n    one.start()",
}


def found(source: str) -> list[tuple[str, int]]:
    return [(one.shape, one.line) for one in find_shapes(textwrap.dedent(source), "/srv/app.py")]


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_the_start_of_a_timer_that_is_not_cancelled_is_found(source: str) -> None:
    line = next(at for at, text in enumerate(textwrap.dedent(source).splitlines(), 1) if "# <-" in text)

    assert found(source) == [("timer-started-and-not-cancelled", line)]


@pytest.mark.parametrize("source", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_cancelled_or_no_timer_is_left_out(source: str) -> None:
    assert found(source) == []
