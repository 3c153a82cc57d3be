"""Frames: one record for the heap objects of 3.8 to 3.10 and for the interpreter frames of 3.11 and later."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from spindoctor.cpython.classes import Classes
from spindoctor.cpython.codes import CELL, FREE, HIDDEN, Codes
from spindoctor.cpython.layout import Layout
from spindoctor.cpython.reader import Reader, word_at
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

INTERPRETER_FRAMES_SINCE, TAGGED_SINCE = 11, 14
TAG_MASK = 3
WORDCODE_UNIT = {8: 1, 9: 1, 10: 2}  # bytes that `f_lasti` counts
OWNED_BY_THREAD, OWNED_BY_GENERATOR = 0, 1
SMALLEST_ADDRESS = 4096  # the zero page is never mapped; what looks like an address below it is none
MAX_SLOTS = 4096
MAX_CALLERS = 64


class RawFrame(NamedTuple):
    """A frame as found in memory.

    `address` is that of the frame, `code` that of its code object. `instruction` is the offset in bytes of the
    instruction that runs, negative before the first. `owner` is `OWNED_BY_THREAD`, `OWNED_BY_GENERATOR` (also for
    coroutines) or a higher number of CPython's own.
    """

    frame: Frame
    address: int
    code: int
    instruction: int
    owner: int


@dataclass(frozen=True, slots=True)
class FrameShape:
    """How the bytes of a frame are understood; `size` in bytes.

    `parse(buffer, position)` gives the code object, the frame that called it, the instruction as the version keeps it,
    and the owner.
    """

    size: int
    parse: Callable[[bytes, int], tuple[int, int, int, int]]
    entry_owners: frozenset[int]
    tag_mask: int = 0
    """The bits of an address in a frame that are no part of it."""

    @classmethod
    def of(cls, layout: Layout) -> FrameShape:
        """Return the shape for this version."""
        owners = (layout.constants.get("owner.c_stack"), layout.constants.get("owner.interpreter"))
        entry_owners = frozenset(owner for owner in owners if owner is not None)
        if layout.minor >= INTERPRETER_FRAMES_SINCE:
            mask = TAG_MASK if layout.minor >= TAGGED_SINCE else 0
            return cls(layout["interpreter_frame.size"], _interpreter_frame(layout), entry_owners, mask)
        return cls(layout["frame_object.size"], _heap_frame(layout), entry_owners)


def _interpreter_frame(layout: Layout) -> Callable[[bytes, int], tuple[int, int, int, int]]:
    """Return the unpacker of one frame; the members come in this order in all versions."""
    at = {name: layout[f"interpreter_frame.{name}"] for name in ("executable", "previous", "instr_ptr", "owner")}
    form, position = "<", 0
    for name, code, size in (("executable", "Q", 8), ("previous", "Q", 8), ("instr_ptr", "Q", 8), ("owner", "B", 1)):
        form += f"{at[name] - position}x{code}"
        position = at[name] + size
    return struct.Struct(form).unpack_from


def _heap_frame(layout: Layout) -> Callable[[bytes, int], tuple[int, int, int, int]]:
    back, code, generator, last = (layout[f"frame_object.{n}"] for n in ("f_back", "f_code", "f_gen", "f_lasti"))
    has_state = "frame_object.f_state" in layout
    state = layout["frame_object.f_state" if has_state else "frame_object.f_executing"]
    executing = layout.constants["frame_state.executing"] if has_state else 1
    unit = WORDCODE_UNIT[layout.minor]
    words, number = struct.Struct("<Q").unpack_from, struct.Struct("<i").unpack_from

    def parse(buffer: bytes, position: int) -> tuple[int, int, int, int]:
        previous = words(buffer, position + back)[0]
        # a generator that has ended no longer has its frame: nobody calls it, and it does not run
        is_left = not previous and buffer[position + state] != executing
        owner = OWNED_BY_GENERATOR if is_left or words(buffer, position + generator)[0] else OWNED_BY_THREAD
        instruction = number(buffer, position + last)[0] * unit
        return words(buffer, position + code)[0], previous, instruction, owner

    return parse


class Frames:
    """Decodes single frames and their local variables."""

    def __init__(self, reader: Reader, classes: Classes, codes: Codes) -> None:
        layout = reader.layout
        self._reader = reader
        self._classes = classes
        self._codes = codes
        self.shape = FrameShape.of(layout)
        self._is_modern = layout.minor >= INTERPRETER_FRAMES_SINCE
        self._mask = ~self.shape.tag_mask
        self._is_tagged = layout.minor >= TAGGED_SINCE
        self._adaptive = layout["code_object.co_code_adaptive"] if self._is_modern else 0
        self._slots = layout["interpreter_frame.localsplus" if self._is_modern else "frame_object.f_localsplus"]
        self._cell = layout["cell_object.ob_ref"]

    def resolve(self, address: int, words: tuple[int, int, int, int]) -> RawFrame:
        """Return the frame with its function and line; `Misread` if it holds no code object."""
        code, instruction = words[0] & self._mask, words[2]
        if self._is_modern:
            instruction -= code + self._adaptive
        return RawFrame(self._codes.frame(code, instruction), address, code, instruction, words[3])

    def at(self, address: int) -> RawFrame:
        """Return the frame at `address`."""
        return self.resolve(address, self.shape.parse(self._reader.read(address, self.shape.size), 0))

    def callers(self, frame_object: int) -> Iterator[RawFrame]:
        """Return the frame that a frame object stands for, and who called it, as far as Python functions call it."""
        member = self._reader.layout["frame_object.f_frame"] if self._is_modern else 0
        address = self._reader.word(frame_object + member) if self._is_modern else frame_object
        for _ in range(MAX_CALLERS):
            try:
                words = self.shape.parse(self._reader.read(address, self.shape.size), 0)
                found = self.resolve(address, words)
            except Misread:  # the end: a frame of the interpreter's own, or of a stack that has been put away
                return
            yield found
            address = words[1] & self._mask

    def locals(self, raw: RawFrame) -> dict[str, int]:
        """Return name -> address of the value of each local variable that is bound now, contents of cells included.

        `Misread` if another function runs in the frame by now.
        """
        variables = self._codes.variables(raw.code)[:MAX_SLOTS]
        head, slots = self._reader.read_many(
            [(raw.address, self.shape.size), (raw.address + self._slots, 8 * len(variables))]
        )
        if self.shape.parse(head, 0)[0] & self._mask != raw.code:
            raise Misread(f"the frame at {raw.address:#x} runs another function by now")
        found: dict[str, int] = {}
        for (name, kind), word in zip(variables, struct.unpack(f"<{len(variables)}Q", slots), strict=True):
            value = self._value(word, kind)
            if value:
                found[name] = value
        return found

    def some_locals(self, raw: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        """Return what `locals` returns for these names alone; of code without any of them nothing is read."""
        wanted = self._codes.slots(raw.code, names)
        if not wanted:
            return {}
        start = raw.address + self._slots
        head, *words = self._reader.read_many(
            [(raw.address, self.shape.size), *[(start + 8 * slot, 8) for slot, _, _ in wanted]]
        )
        if self.shape.parse(head, 0)[0] & self._mask != raw.code:
            raise Misread(f"the frame at {raw.address:#x} runs another function by now")
        found = {}
        for (_, name, kind), word in zip(wanted, words, strict=True):
            value = self._value(word_at(word)[0], kind)
            if value:
                found[name] = value
        return found

    def operands(self, raw: RawFrame, most: int) -> tuple[int, ...]:
        """Return the addresses that lie behind the frame's variables, at most so many: its evaluation stack.

        Where the stack ends is not known while the frame runs: behind its end lies what was there before, or anything.
        """
        start = raw.address + self._slots + 8 * len(self._codes.variables(raw.code))
        return tuple(word & self._mask for word in self._reader.words(start, most))

    def _value(self, word: int, kind: int) -> int:
        """Return the address of the value in a slot, 0 if it is unbound or no variable of the source."""
        if self._is_tagged and word & TAG_MASK == TAG_MASK:
            return 0
        value = word & self._mask
        if value < SMALLEST_ADDRESS or kind & HIDDEN:
            return 0
        if kind & (CELL | FREE) and self._classes.of(value).name == "cell":
            return self._reader.word(value + self._cell)
        return value
