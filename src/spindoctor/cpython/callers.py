"""Who called a generator: kept from earlier looks, for those in which it has just yielded.

A generator or coroutine that yields loses its caller at once, but it may still be part of a stack that is being read.
Its last caller then stands for the one it had, while that is sure: the same function is still found in the caller's
frame, and no other was ever found to call the generator from there. What a frame's memory holds is soon another call's,
so an address alone says nothing about who called.
"""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.cpython.frames import RawFrame

MAX_CALLERS = 4096
NOT_SURE = 0  # no code object lies at this address


class Callers:
    """The frames that called generators, and the functions that ran in them."""

    def __init__(self) -> None:
        """Nobody is known yet."""
        self._last: dict[tuple[int, int], int] = {}
        self._codes: dict[tuple[int, int, int], int] = {}

    def note(self, frames: Sequence[RawFrame], links: Sequence[tuple[int, int]]) -> None:
        """Keep who called the generators of one stack, innermost frame first.

        A link is the place of a caller among the frames, and the address that the generator before it has as its
        caller's: of the caller itself, or of the entry frame between the two.
        """
        if len(self._codes) > MAX_CALLERS:
            self._last.clear()
            self._codes.clear()
        for place, address in links:
            if place < len(frames):
                called, code = frames[place - 1], frames[place].code
                self._last[called.address, called.code] = address
                key = (called.address, called.code, address)
                if self._codes.setdefault(key, code) != code:
                    self._codes[key] = NOT_SURE

    def last(self, called: RawFrame) -> tuple[int, int]:
        """Return the address that a generator had last as its caller's, and the code that must be found there.

        Zeros where none is known for sure.
        """
        address = self._last.get((called.address, called.code), 0)
        code = self._codes.get((called.address, called.code, address), NOT_SURE)
        return (address, code) if code != NOT_SURE else (0, 0)
