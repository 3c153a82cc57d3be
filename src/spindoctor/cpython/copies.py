"""Frames in what was copied of one thread."""

from __future__ import annotations

from spindoctor.cpython.frames import FrameShape
from spindoctor.cpython.memory import Range
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Unreadable


class Copy:
    """What was copied of one thread: its newest chunk, the chunks below, lone frames.

    `used` are the lone frames that were asked for; `is_torn`: one of them was not in the copy, but read apart.
    """

    def __init__(
        self, reader: Reader, shape: FrameShape, chunks: list[tuple[Range, bytes]], lone: dict[int, bytes]
    ) -> None:
        """Take the copied chunks, the newest first, and the lone frames by their addresses."""
        self._reader = reader
        self._parse, self._size = shape.parse, shape.size
        self._chunks = chunks
        (self._start, length), self._newest = chunks[0] if chunks else ((0, 0), b"")
        self._end = self._start + length - self._size
        self.lone = lone
        self.used: dict[int, None] = {}
        self.is_torn = False

    def words(self, frame: int) -> tuple[int, int, int, int] | None:
        """Return the words of the frame at an address; None if nothing is there any more."""
        if self._start <= frame <= self._end:
            return self._parse(self._newest, frame - self._start)
        block = self.lone.get(frame)
        if block is None:
            for (start, length), chunk in self._chunks[1:]:
                if start <= frame <= start + length - self._size:
                    return self._parse(chunk, frame - start)
            block = self._read_apart(frame)
        if block is None:
            return None
        self.used[frame] = None
        return self._parse(block, 0)

    def _read_apart(self, frame: int) -> bytes | None:
        self.is_torn = True
        try:
            self.lone[frame] = self._reader.read(frame, self._size)
        except Unreadable:
            return None
        return self.lone[frame]
