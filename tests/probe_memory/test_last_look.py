"""What is kept of the last look for those who ask at the end."""

from __future__ import annotations

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.model.frames import Frame
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.last_look import LastLook

OUTER = RawFrame(Frame("run", "/srv/loop.py", 10), 1, 0, 0, 0)
INNER = RawFrame(Frame("step", "/srv/app.py", 5), 2, 0, 0, 0)


def test_a_torn_stack_does_not_take_the_place_of_the_last_whole_one() -> None:
    last, whole, torn = LastLook(), RawStack((INNER, OUTER), is_complete=True), RawStack((INNER,), is_complete=False)

    last.keep(7, whole)
    last.keep(7, torn)

    assert (last.stacks[7], last.whole[7]) == (torn, whole)


def test_only_threads_that_ran_are_running() -> None:
    last = LastLook(fresh={7: ThreadLook(7, ran_ns=5), 8: ThreadLook(8)})
    for tid in (7, 8):
        last.keep(tid, RawStack((OUTER,), is_complete=True))

    assert last.running() == {7: (OUTER,)}
