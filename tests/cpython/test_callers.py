"""Who called a generator: kept, and given only while it is sure."""

from __future__ import annotations

from spindoctor.cpython.callers import MAX_CALLERS, Callers
from spindoctor.cpython.frames import OWNED_BY_GENERATOR, RawFrame
from spindoctor.model.frames import Frame

GENERATOR, FIRST, SECOND = 0x10, 0x20, 0x30  # code objects
NOBODY = (0, 0)


def frame(address: int, code: int) -> RawFrame:
    """A frame at this address that runs this code."""
    return RawFrame(Frame("numbers", "app.py", 1), address, code, 0, OWNED_BY_GENERATOR)


CALLED = frame(0x1000, GENERATOR)


def test_the_last_caller_is_kept_with_its_function() -> None:
    callers = Callers()
    callers.note([CALLED, frame(0x2000, FIRST)], [(1, 0x2000)])
    callers.note([CALLED, frame(0x3000, SECOND)], [(1, 0x3000)])

    assert callers.last(CALLED) == (0x3000, SECOND)


def test_two_functions_that_called_from_one_frame_leave_the_caller_unsure() -> None:
    callers = Callers()
    callers.note([CALLED, frame(0x2000, FIRST)], [(1, 0x2000)])
    callers.note([CALLED, frame(0x2000, SECOND)], [(1, 0x2000)])
    callers.note([CALLED, frame(0x2000, FIRST)], [(1, 0x2000)])

    assert callers.last(CALLED) == NOBODY


def test_another_generator_at_the_same_address_has_no_caller() -> None:
    callers = Callers()
    callers.note([CALLED, frame(0x2000, FIRST)], [(1, 0x2000)])

    assert callers.last(frame(CALLED.address, SECOND)) == NOBODY


def test_a_stack_that_ended_at_a_generator_tells_no_caller() -> None:
    callers = Callers()
    callers.note([CALLED], [(1, 0x2000)])

    assert callers.last(CALLED) == NOBODY


def test_callers_without_end_are_forgotten() -> None:
    callers = Callers()
    for number in range(MAX_CALLERS + 2):
        callers.note([frame(number, GENERATOR), frame(0x2000, FIRST)], [(1, 0x2000)])

    assert callers.last(frame(0, GENERATOR)) == NOBODY
    assert callers.last(frame(MAX_CALLERS + 1, GENERATOR)) == (0x2000, FIRST)
