"""Where one generator or coroutine is suspended, and the address of what it awaits.

What a suspended one awaits lies on top of its value stack: up to 3.9 at `f_stacktop[-1]`, on 3.10 at
`f_valuestack[f_stackdepth - 1]`, on 3.11 to 3.13 at `localsplus[stacktop - 1]`, on 3.14 at `stackpointer[-1]`, on
3.15 at `stackpointer[-2]`. A plain `yield` must be told from an `await` first: by the state of the frame on 3.13+,
before that by the instruction (3.11, 3.12: the argument of the RESUME that follows; 3.8 to 3.10: whether YIELD_FROM
comes next).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from spindoctor.cpython.codes import Codes
from spindoctor.cpython.frames import Frames, RawFrame
from spindoctor.cpython.reader import Reader, int_at, word_at

YIELD_FROM = 72  # opcode, 3.8 to 3.10 (Include/opcode.h)
RESUME_AFTER_YIELD_FROM = 2  # argument of RESUME, 3.11 and 3.12 (dis documentation); 3 is after an await
RESUME_MASK = 3
BLOCKS_SINCE, STATES_SINCE, POINTER_SINCE, PUSHED_NULL_SINCE = 11, 13, 14, 15
TAG_MASK = 3


class End(enum.StrEnum):
    """Why an await chain ends."""

    RUNNING = "running"
    CREATED = "created"
    FINISHED = "finished"
    YIELDED = "yielded"
    OBJECT = "object"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Suspension:
    """One link of a chain: its frame, and either why it is the last one or the address of what it awaits."""

    frame: RawFrame | None
    end: End | None
    awaited: int = 0


FINISHED = Suspension(None, End.FINISHED)


class Suspensions(Protocol):
    """Decodes generators from their first `head` bytes."""

    head: int

    def of(self, address: int, block: bytes) -> Suspension:
        """Return where the generator at `address` stands."""

    def code(self, block: bytes) -> int:
        """Return the address of its code object."""


def suspensions_for(reader: Reader, codes: Codes, frames: Frames) -> Suspensions:
    """Return the decoder for this version."""
    if reader.layout.minor >= BLOCKS_SINCE:
        return BlockSuspensions(reader, codes, frames)
    return HeapSuspensions(reader, codes, frames)


class BlockSuspensions:
    """3.11+: the frame lies in the generator, and the state of the frame beside it."""

    def __init__(self, reader: Reader, codes: Codes, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._codes = codes
        self._frames = frames
        self._minor = layout.minor
        self._frame = layout["gen_object.gi_iframe"]
        self._state = layout["gen_object.gi_frame_state"]
        self._executable = self._frame + layout["interpreter_frame.executable"]
        self._slots = layout["interpreter_frame.localsplus"]
        self._has_pointer = layout.minor >= POINTER_SINCE
        self._top = self._frame + layout[f"interpreter_frame.{'stackpointer' if self._has_pointer else 'stacktop'}"]
        self._mask = ~TAG_MASK if self._has_pointer else ~0
        self._below = 16 if layout.minor >= PUSHED_NULL_SINCE else 8
        self.head = self._frame + layout["interpreter_frame.size"]
        states = {name.partition(".")[2]: number for name, number in layout.constants.items()}
        self._ends = {
            states["cleared"]: End.FINISHED,
            states.get("completed", states["cleared"]): End.FINISHED,
            states["executing"]: End.RUNNING,
            states["created"]: End.CREATED,
        }
        self._awaiting = {states.get("suspended_yield_from"), states.get("suspended_yield_from_locked")}

    def of(self, address: int, block: bytes) -> Suspension:
        """Return where the generator at `address` stands."""
        state = block[self._state] - 256 if block[self._state] > 127 else block[self._state]  # noqa: PLR2004 - signed
        end = self._ends.get(state)
        if end is End.FINISHED:
            return FINISHED
        raw = self._frames.resolve(address + self._frame, self._frames.shape.parse(block, self._frame))
        if end or not self._awaits(raw, state):
            return Suspension(raw, end or End.YIELDED)
        slot = self._slot(raw.address, block)
        awaited = self._reader.word(slot) & self._mask if slot else 0
        return Suspension(raw, None, awaited) if awaited else Suspension(raw, End.UNKNOWN)

    def _awaits(self, raw: RawFrame, state: int) -> bool:
        if self._minor >= STATES_SINCE:
            return state in self._awaiting
        return self._codes.byte(raw.code, raw.instruction + 3) & RESUME_MASK >= RESUME_AFTER_YIELD_FROM

    def _slot(self, frame: int, block: bytes) -> int:
        """Return the address of the slot that holds what is awaited; 0 if the stack is empty."""
        if self._has_pointer:
            pointer: int = word_at(block, self._top)[0]
            return max(0, pointer - self._below)
        top: int = int_at(block, self._top)[0]
        return frame + self._slots + 8 * (top - 1) if top > 0 else 0

    def code(self, block: bytes) -> int:
        """Return the address of the code object; it stays there when the generator has finished."""
        code: int = word_at(block, self._executable)[0] & self._mask
        return code


class HeapSuspensions:
    """3.8 to 3.10: the frame is an object of its own."""

    def __init__(self, reader: Reader, codes: Codes, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._codes = codes
        self._frames = frames
        self._layout = layout
        self._frame = layout["gen_object.gi_frame"]
        self._code = layout["gen_object.gi_code"]
        self.head = max(self._frame, self._code) + 8

    def of(self, address: int, block: bytes) -> Suspension:  # noqa: ARG002 - the frame has an address of its own
        """Return where the generator stands."""
        frame = word_at(block, self._frame)[0]
        if not frame:
            return FINISHED
        content = self._reader.read(frame, self._layout["frame_object.size"])
        raw = self._frames.resolve(frame, self._frames.shape.parse(content, 0))
        if self._runs(content):
            return Suspension(raw, End.RUNNING)
        if raw.instruction < 0:
            return Suspension(raw, End.CREATED)
        if self._codes.byte(raw.code, raw.instruction + 2) != YIELD_FROM:
            return Suspension(raw, End.YIELDED)
        slot = self._slot(content)
        awaited = self._reader.word(slot) if slot else 0
        return Suspension(raw, None, awaited) if awaited else Suspension(raw, End.UNKNOWN)

    def _slot(self, content: bytes) -> int:
        """Return the address of the top of the value stack; 0 if it is empty."""
        layout = self._layout
        if "frame_object.f_stacktop" in layout:
            top: int = word_at(content, layout["frame_object.f_stacktop"])[0]
            return max(0, top - 8)
        depth: int = int_at(content, layout["frame_object.f_stackdepth"])[0]
        bottom: int = word_at(content, layout["frame_object.f_valuestack"])[0]
        return bottom + 8 * (depth - 1) if depth > 0 else 0

    def _runs(self, content: bytes) -> bool:
        if "frame_object.f_executing" in self._layout:
            return bool(content[self._layout["frame_object.f_executing"]])
        return content[self._layout["frame_object.f_state"]] == self._layout.constants["frame_state.executing"]

    def code(self, block: bytes) -> int:
        """Return the address of the code object."""
        code: int = word_at(block, self._code)[0]
        return code
