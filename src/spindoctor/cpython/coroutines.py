"""Generators, coroutines and async generators: where each is suspended, and what it waits for.

What a suspended one awaits lies on top of its value stack: up to 3.9 at `f_stacktop[-1]`, on 3.10 at
`f_valuestack[f_stackdepth - 1]`, on 3.11 to 3.13 at `localsplus[stacktop - 1]`, on 3.14 at `stackpointer[-1]`, on 3.15
at `stackpointer[-2]`. A plain `yield` must be told from an `await` first: by the state of the frame on 3.13+, before
that by the instruction (3.11, 3.12: the argument of the RESUME that follows; 3.8 to 3.10: the YIELD_FROM that comes
next).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from spindoctor.cpython.classes import Classes
from spindoctor.cpython.codes import Codes
from spindoctor.cpython.frames import Frames, RawFrame
from spindoctor.cpython.reader import Reader, int_at, word_at
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

KINDS = frozenset({"coroutine", "generator", "async_generator"})
WRAPPERS = {
    "coroutine_wrapper": "coroutine_wrapper.coroutine",
    "async_generator_asend": "async_gen_awaitable.generator",
    "async_generator_athrow": "async_gen_awaitable.generator",
    "anext_awaitable": "async_gen_awaitable.generator",
    "_asyncio.FutureIter": "future_iterator.future",
}
MAX_LINKS = 256
YIELD_FROM = 72  # opcode, 3.8 to 3.10 (Include/opcode.h)
RESUME_AFTER_YIELD_FROM = 2  # argument of RESUME, 3.11 and 3.12 (dis documentation); 3 is after an await
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
class Chain:
    """An await chain, outermost coroutine first.

    `holders` are the addresses of the generator or coroutine objects, one for each frame. `end` says why the chain
    ends: `OBJECT` with `end_object` the address of what is awaited (a future, say) and `end_type` its type's name; else
    `end_object` is the last generator or coroutine.
    """

    frames: tuple[RawFrame, ...]
    holders: tuple[int, ...]
    end: End
    end_object: int
    end_type: str


@dataclass(frozen=True, slots=True)
class _Suspension:
    """One link: its frame, and either why it is the last one or the address of what it awaits."""

    frame: RawFrame | None
    end: End | None
    awaited: int = 0


class Coroutines:
    """Decodes generator-like objects."""

    def __init__(self, reader: Reader, classes: Classes, texts: Texts, codes: Codes, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._layout = layout
        self._classes = classes
        self._texts = texts
        self._codes = codes
        self._frames = frames
        self._minor = layout.minor
        self._is_modern = layout.minor >= BLOCKS_SINCE
        self._mask = ~TAG_MASK if layout.minor >= POINTER_SINCE else ~0
        self._states = {
            name.partition(".")[2]: n for name, n in layout.constants.items() if name.startswith("frame_state.")
        }

    def name(self, address: int) -> str:
        """Return `__qualname__`; it is there also of one that has finished."""
        self._check(address)
        return self._texts.read(self._reader.word(address + self._layout["gen_object.gi_qualname"]))

    def definition(self, address: int) -> Frame | None:
        """Return the function and the line at which its code begins; None where no trace of the code is left."""
        self._check(address)
        try:
            return self._codes.at(self._code(address)).definition
        except Misread:
            return None

    def _code(self, address: int) -> int:
        if not self._is_modern:
            return self._reader.word(address + self._layout["gen_object.gi_code"])
        place = self._layout["gen_object.gi_iframe"] + self._layout["interpreter_frame.executable"]
        return self._reader.word(address + place) & self._mask

    def _check(self, address: int) -> None:
        kind = self._classes.of(address).name
        if kind not in KINDS:
            raise Misread(f"no coroutine at {address:#x}, but {kind}")

    def chain(self, address: int) -> Chain:
        """Return where the coroutine or generator at `address` stands, and all that it waits for in turn."""
        frames: list[RawFrame] = []
        holders: list[int] = []
        for _ in range(MAX_LINKS):
            kind = self._classes.of(address).name
            inner = self._reader.word(address + self._layout[WRAPPERS[kind]]) if kind in WRAPPERS else 0
            if inner:
                address = inner
                continue
            if kind not in KINDS:
                return Chain(tuple(frames), tuple(holders), End.OBJECT, address, kind)
            link = self._suspension(address)
            if link.frame:
                frames.append(link.frame)
                holders.append(address)
            if link.end:
                return Chain(tuple(frames), tuple(holders), link.end, address, kind)
            address = link.awaited
        raise Misread(f"an await chain without end at {address:#x}")

    def _suspension(self, address: int) -> _Suspension:
        if self._is_modern:
            return self._of_block(address)
        frame = self._reader.word(address + self._layout["gen_object.gi_frame"])
        return self._of_heap_frame(frame) if frame else _Suspension(None, End.FINISHED)

    def _of_block(self, address: int) -> _Suspension:
        """3.11+: the frame lies in the generator, and the state of the frame beside it."""
        layout, states = self._layout, self._states
        state = int.from_bytes(
            self._reader.read(address + layout["gen_object.gi_frame_state"], 1), "little", signed=True
        )
        if state in {states.get("completed"), states["cleared"]}:
            return _Suspension(None, End.FINISHED)
        raw = self._frames.at(address + layout["gen_object.gi_iframe"])
        if state == states["executing"]:
            return _Suspension(raw, End.RUNNING)
        if state == states["created"]:
            return _Suspension(raw, End.CREATED)
        if not self._awaits(raw, state):
            return _Suspension(raw, End.YIELDED)
        return self._awaiting(raw, self._top_of_block(raw.address))

    def _awaits(self, raw: RawFrame, state: int) -> bool:
        if self._minor >= STATES_SINCE:
            states = self._states
            return state in {states["suspended_yield_from"], states.get("suspended_yield_from_locked")}
        following = raw.code + self._layout["code_object.co_code_adaptive"] + raw.instruction + 2
        return self._reader.read(following, 2)[1] & TAG_MASK >= RESUME_AFTER_YIELD_FROM

    def _top_of_block(self, frame: int) -> int:
        """Return the address of the slot that holds what is awaited; 0 if the stack is empty."""
        layout = self._layout
        if self._minor >= POINTER_SINCE:
            pointer = self._reader.word(frame + layout["interpreter_frame.stackpointer"])
            return max(0, pointer - (16 if self._minor >= PUSHED_NULL_SINCE else 8))
        top = self._reader.int32(frame + layout["interpreter_frame.stacktop"])
        return frame + layout["interpreter_frame.localsplus"] + 8 * (top - 1) if top > 0 else 0

    def _of_heap_frame(self, frame: int) -> _Suspension:
        """3.8 to 3.10: the frame is an object of its own."""
        layout = self._layout
        block = self._reader.read(frame, layout["frame_object.size"])
        raw = self._frames.resolve(frame, self._frames.shape.parse(block, 0))
        if self._runs(block):
            return _Suspension(raw, End.RUNNING)
        if raw.instruction < 0:
            return _Suspension(raw, End.CREATED)
        code = self._reader.word(raw.code + layout["code_object.code"])
        if self._reader.read(code + layout["bytes_object.ob_sval"] + raw.instruction + 2, 1)[0] != YIELD_FROM:
            return _Suspension(raw, End.YIELDED)
        if "frame_object.f_stacktop" in layout:
            top = word_at(block, layout["frame_object.f_stacktop"])[0]
        else:
            depth = int_at(block, layout["frame_object.f_stackdepth"])[0]
            top = word_at(block, layout["frame_object.f_valuestack"])[0] + 8 * depth if depth > 0 else 0
        return self._awaiting(raw, max(0, top - 8))

    def _runs(self, block: bytes) -> bool:
        if "frame_object.f_executing" in self._layout:
            return bool(block[self._layout["frame_object.f_executing"]])
        return block[self._layout["frame_object.f_state"]] == self._states["executing"]

    def _awaiting(self, raw: RawFrame, slot: int) -> _Suspension:
        awaited = self._reader.word(slot) & self._mask if slot else 0
        return _Suspension(raw, None, awaited) if awaited else _Suspension(raw, End.UNKNOWN)
