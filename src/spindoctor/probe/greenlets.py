"""Frames of greenlets that a coroutine waits for.

A library may run code that knows nothing of coroutines in a greenlet, and have a coroutine await in its place. The
await chain then leaps from the user's call to what is awaited; what stands between is on the greenlet's stack.

The extension keeps the innermost frame of a suspended greenlet in a structure of its own that differs from release to
release. It is found by what it points to, once: an object that is a frame.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

MODULE = "greenlet"
KIND = "greenlet.greenlet"
STRUCTURE_AT = 32
"""`PyGreenlet.pimpl`, behind the object's head, weak references and dictionary (greenlet.h, since 2.0)."""

WORDS = 48
"""Members of that structure among which the frame is looked for."""

MOST_ASKED = 3
"""Frames of one function that hold no greenlet, after which it is not asked again."""


class Greenlets:
    """Reads the greenlets of one process."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._offset: int | None = None
        self._without: dict[int, int] = {}

    def joined(self, chain: Sequence[RawFrame]) -> tuple[RawFrame, ...]:
        """An await chain, innermost first, with the frames of each greenlet before the frame that has it."""
        try:
            if self._interpreter.module(MODULE) is None:
                return tuple(chain)
        except Misread:
            return tuple(chain)
        return tuple(one for raw in chain for one in (*self._of(raw), raw))

    def suspended(self, greenlet: int) -> tuple[RawFrame, ...]:
        """The frames of a greenlet, innermost first; none where it is not suspended.

        Raises:
            Misread: it cannot be read, or there is none.
        """
        return self._frames(greenlet)

    def _of(self, raw: RawFrame) -> tuple[RawFrame, ...]:
        if self._without.get(raw.code, 0) >= MOST_ASKED:
            return ()
        try:
            values = self._interpreter.locals(raw).values()
            held = next((value for value in values if KIND in self._objects.type_names(value)), None)
            found = self._frames(held) if held else ()
        except Misread:
            return ()
        self._without[raw.code] = 0 if found else self._without.get(raw.code, 0) + 1
        return found

    def _frames(self, greenlet: int) -> tuple[RawFrame, ...]:
        """The frames of a suspended greenlet, innermost first, as far as they call each other in Python."""
        reader = self._interpreter.reader
        structure = reader.word(greenlet + STRUCTURE_AT)
        words = struct.unpack(f"<{WORDS}Q", reader.read(structure, 8 * WORDS))
        for place in range(WORDS) if self._offset is None else (self._offset,):
            if self._is_frame(words[place]):
                self._offset = place
                return self._interpreter.frames_of(words[place])
        return ()

    def _is_frame(self, address: int) -> bool:
        try:
            return address > STRUCTURE_AT and address % 8 == 0 and self._objects.type_name(address) == "frame"
        except Misread:
            return False
