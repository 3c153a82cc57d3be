"""What is kept of the last look for those who ask at the end."""

from __future__ import annotations

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.model.frames import Frame
from spindoctor.model.sample import ThreadLook
from spindoctor.probe.last_look import MOST_BEGINNINGS, LastLook

OUTER = RawFrame(Frame("run", "/srv/loop.py", 10), 1, 11, 0, 0)
INNER = RawFrame(Frame("step", "/srv/app.py", 5), 2, 12, 0, 0)


def test_a_torn_stack_does_not_take_the_place_of_the_last_whole_one() -> None:
    last, whole, torn = LastLook(), RawStack((INNER, OUTER), is_complete=True), RawStack((INNER,), is_complete=False)

    last.keep(7, whole)
    last.keep(7, torn)

    assert (last.stacks[7], last.whole[7]) == (torn, {OUTER.code: whole})


def test_a_stack_that_begins_elsewhere_is_kept_beside_the_others() -> None:
    """It may have been torn without a sign; of those that begin at the same function the last is kept."""
    last = LastLook()
    first, again, torn = (RawStack(frames, is_complete=True) for frames in ((INNER, OUTER), (OUTER,), (INNER,)))

    for stack in (first, torn, again):
        last.keep(7, stack)

    assert list(last.whole[7].values()) == [torn, again]


def test_few_beginnings_are_kept_and_the_latest_of_them() -> None:
    last = LastLook()
    for code in range(MOST_BEGINNINGS + 2):
        last.keep(7, RawStack((RawFrame(Frame("f", "/srv/app.py", 1), 1, code, 0, 0),), is_complete=True))

    assert len(last.whole[7]) == MOST_BEGINNINGS
    assert max(last.whole[7]) == MOST_BEGINNINGS + 1


def test_only_threads_that_ran_are_running() -> None:
    last = LastLook(fresh={7: ThreadLook(7, ran_ns=5), 8: ThreadLook(8)})
    for tid in (7, 8):
        last.keep(tid, RawStack((OUTER,), is_complete=True))

    assert last.running() == {7: (OUTER,)}
