"""What a frame is inside of: the objects whose `__exit__` or `__aexit__` waits on its value stack.

A `with` block keeps what leaves it on the value stack: up to 3.13 the bound method, from 3.14 on the function and, one
slot above, the object. Behind the locals there are `co_stacksize` slots. A frame that calls C code does not keep the
top of its stack up to 3.13; then the exception table says how much of it a handler would keep (3.11+, Objects/
exception_handling_notes.txt), and what no handler covers stands in no block. Before that what is alive is told from
what is stale by its reference count alone.

Sources: Python/bytecodes.c and Python/ceval.c (BEFORE_WITH, LOAD_SPECIAL, SETUP_WITH); Include/cpython/code.h, where
`co_stacksize` stands right before `co_firstlineno`, and up to 3.10 two fields before it.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.functions import BUILT_IN
from spindoctor.cpython.objects import Objects
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Misread

BLOCKS_SINCE, PAIRS_SINCE = 11, 14
BEFORE_FIRST_LINE, TWO_BEFORE = -4, -8
MAX_SLOTS = 512
MAX_TABLE = 1 << 16
TABLE_AT = 40
"""`co_exceptiontable`, the third member behind the head, 3.11+ (Include/cpython/code.h)."""

SMALLEST_ADDRESS = 4096
MASK = ~3
NAME_AT = 24
"""`d_name` of a method descriptor, behind the head and `d_type` (Include/cpython/descrobject.h)."""

MOST_REFERENCES = 4
"""A bound method on a value stack has one or two; a freed one none, or a link of the allocator in that place."""

LEAVES = ("__exit__", "__aexit__")
BOUND = frozenset({"method", *BUILT_IN})
UNBOUND = frozenset({"function", "method_descriptor", "wrapper_descriptor"})


class Contexts:
    """Reads value stacks. For one look; nothing is kept but what a code object says of itself."""

    def __init__(self, reader: Reader, objects: Objects) -> None:
        """Read through these decoders."""
        layout = reader.layout
        self._reader = reader
        self._objects = objects
        self._has_pairs = layout.minor >= PAIRS_SINCE
        self._is_modern = layout.minor >= BLOCKS_SINCE
        self._slots = layout["interpreter_frame.localsplus" if self._is_modern else "frame_object.f_localsplus"]
        self._stack_size = layout["code_object.firstlineno"] + (BEFORE_FIRST_LINE if self._is_modern else TWO_BEFORE)
        self._top = layout.offsets.get("interpreter_frame.stacktop")
        self._pointer = layout.offsets.get("interpreter_frame.stackpointer")
        self._sizes: dict[int, tuple[int, int]] = {}
        self._tables: dict[int, tuple[tuple[int, int, int], ...]] = {}
        self._seen: dict[tuple[int, int], tuple[bytes, tuple[int, ...]]] = {}

    def values(self, raw: RawFrame) -> tuple[int, ...]:
        """The addresses in all slots of a frame's value stack, lowest first; stale ones are among them."""
        locals_count, size = self._shape(raw.code)
        return self._unpacked(self._reader.read(raw.address + self._slots + 8 * locals_count, 8 * size))

    def inside(self, raw: RawFrame) -> tuple[int, ...]:
        """The objects whose `with` block the frame stands in; one twice, where it stands in two blocks of it.

        Raises:
            Misread: the frame cannot be read.
        """
        block = self._block(raw)
        known = self._seen.get((raw.address, raw.code))
        if known and known[0] == block:
            return known[1]
        found = self._pairs(block) if self._has_pairs else self._bound(block)
        held = tuple(found)
        self._seen[raw.address, raw.code] = block, held
        return held

    def _block(self, raw: RawFrame) -> bytes:
        locals_count, size = self._shape(raw.code)
        start = raw.address + self._slots + 8 * locals_count
        return self._reader.read(start, 8 * self._alive(raw, start, locals_count, size))

    def _shape(self, code: int) -> tuple[int, int]:
        if code not in self._sizes:
            size = self._reader.int32(code + self._stack_size)
            if not 0 <= size <= MAX_SLOTS:
                raise Misread(f"a value stack of {size} slots")
            self._sizes[code] = len(self._objects.codes.variables(code)), size
        return self._sizes[code]

    def _alive(self, raw: RawFrame, start: int, locals_count: int, size: int) -> int:
        """How many slots are in use, where the frame keeps that; else all that there are."""
        if self._pointer is not None:
            used = (self._reader.word(raw.address + self._pointer) - start) // 8
        elif self._top is not None:
            used = self._reader.int32(raw.address + self._top) - locals_count
        else:
            used = -1
        if not 0 <= used <= size:
            used = self._kept(raw) if self._is_modern else size
        return min(used, size)

    def _kept(self, raw: RawFrame) -> int:
        """How much of its stack the handler of the instruction that runs would keep; nothing without a handler."""
        if raw.code not in self._tables:
            table = self._reader.word(raw.code + TABLE_AT)
            if self._objects.type_name(table) != "bytes":
                raise Misread("no exception table")
            self._tables[raw.code] = tuple(parse_table(self._objects.numbers.octets(table, MAX_TABLE)))
        entries = self._tables[raw.code]
        place = raw.instruction // 2
        return next((depth for start, end, depth in entries if start <= place < end), 0)

    @staticmethod
    def _unpacked(block: bytes) -> tuple[int, ...]:
        return tuple(word & MASK for word in struct.unpack(f"<{len(block) // 8}Q", block))

    def _bound(self, block: bytes) -> Iterator[int]:
        for method in dict.fromkeys(self._unpacked(block)):
            holder = self._left_by(method)
            if holder:
                yield holder

    def _left_by(self, method: int) -> int | None:
        """The object that this bound method leaves; None for anything else."""
        try:
            if method < SMALLEST_ADDRESS or self._objects.type_name(method) not in BOUND:
                return None
            if not 1 <= self._reader.word(method) <= MOST_REFERENCES:
                return None
            called = self._objects.function(method)
        except Misread:
            return None
        return called.holder if called.frame.function.rpartition(".")[2] in LEAVES else None

    def _pairs(self, block: bytes) -> Iterator[int]:
        words = self._unpacked(block)
        for function, holder in itertools.pairwise(words):
            if holder >= SMALLEST_ADDRESS and self._is_leave(function):
                yield holder

    def _is_leave(self, function: int) -> bool:
        try:
            kind = self._objects.type_name(function) if function >= SMALLEST_ADDRESS else ""
            if kind not in UNBOUND:
                return False
            if kind == "function":
                name = self._objects.function(function).frame.function
            else:
                name = self._objects.text(self._reader.word(function + NAME_AT))
        except Misread:
            return False
        return name.rpartition(".")[2] in LEAVES


def parse_table(table: bytes) -> Iterator[tuple[int, int, int]]:
    """The entries of an exception table: first instruction, the one behind the last, and how deep the stack stays.

    Numbers come in groups of six bits, the highest first; the first byte of an entry has its top bit set.
    """
    numbers: list[int] = []
    value = 0
    for byte in table:
        if byte & 0x80:
            numbers, value = [], 0
        value = value << 6 | byte & 0x3F
        if byte & 0x40:
            continue
        numbers.append(value)
        value = 0
        if len(numbers) == 4:  # noqa: PLR2004 - start, length, target, depth and a flag
            start, length, _, depth = numbers
            yield start, start + length, depth >> 1


def of_frames(contexts: Contexts, frames: Sequence[RawFrame]) -> Iterator[tuple[RawFrame, int]]:
    """Each frame with each object whose block it stands in; frames that cannot be read are left out."""
    for raw in frames:
        try:
            for held in contexts.inside(raw):
                yield raw, held
        except Misread:
            continue
