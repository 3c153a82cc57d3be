"""Which threads have a descriptor at hand: an object in their frames that leads to it.

Sources: Modules/_io/fileio.c (`fileio.fd`), Modules/_io/bufferedio.c (`buffered.raw`) and Modules/_io/textio.c
(`textio.buffer`): the first members behind the head, the buffer behind two ints and a size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.cpython.contexts import Contexts
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

HEAD = 16
RAW_FILE = "_io.FileIO"
INNER_AT = {
    **dict.fromkeys(("_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom", "cell"), HEAD),
    "_io.TextIOWrapper": 32,
}
"""What stands around something else, and where that lies."""

NUMBERS = ("fd", "fileno", "handle")
"""Words in the name of an attribute that keeps a descriptor's number (`Connection._handle`, `_fileno`)."""

PLAIN = frozenset({"NoneType", "bool", "int", "float", "str", "bytes", "type", "module", "function", "tuple", "code"})
MOST_VISITS = 400
DEPTH = 3


class Holders:
    """Searches the frames of one process."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._contexts = Contexts(interpreter.reader, interpreter.objects)

    def has_at_hand(self, frames: Sequence[RawFrame], fd: int) -> RawFrame | None:
        """The innermost frame with a variable that leads to this descriptor."""
        seen: set[int] = set()
        for raw in frames:
            if self._is_named(raw, fd) or any(self._leads_to(one, fd, DEPTH, seen) for one in self._values(raw)):
                return raw
        return None

    def is_private(self, frames: Sequence[RawFrame], fd: int) -> bool:
        """Whether the outermost frame that leads to this descriptor has it in a variable of its own."""
        for raw in reversed(frames):
            try:
                variables = self._interpreter.locals(raw)
            except Misread:
                continue
            leading = [name for name, address in variables.items() if self._leads_to(address, fd, DEPTH, set())]
            if leading:
                return "self" not in leading
        return False

    def _is_named(self, raw: RawFrame, fd: int) -> bool:
        """Whether a variable whose name speaks of descriptors has the number itself."""
        try:
            variables = self._interpreter.locals(raw)
            return any(self._is_number(one, fd) for name, one in variables.items() if _is_for_number(name))
        except Misread:
            return False

    def _values(self, raw: RawFrame) -> Iterator[int]:
        try:
            yield from self._interpreter.locals(raw).values()
            yield from self._contexts.values(raw)
        except Misread:
            return

    def _leads_to(self, address: int, fd: int, depth: int, seen: set[int]) -> bool:
        if address <= HEAD or address in seen or len(seen) >= MOST_VISITS:
            return False
        seen.add(address)
        try:
            return self._is_or_has(address, fd, depth, seen)
        except Misread:
            return False

    def _is_or_has(self, address: int, fd: int, depth: int, seen: set[int]) -> bool:
        kind = self._objects.type_name(address)
        if kind == RAW_FILE:
            return self._interpreter.reader.int32(address + HEAD) == fd
        if kind in INNER_AT:
            return self._leads_to(self._interpreter.reader.word(address + INNER_AT[kind]), fd, depth, seen)
        if kind in PLAIN or depth <= 0:
            return False
        if kind in {"method", "generator"}:
            return any(self._leads_to(one, fd, depth - 1, seen) for one in self._inner(kind, address))
        held = self._objects.attributes(address)
        if any(self._is_number(value, fd) for name, value in held.items() if _is_for_number(name)):
            return True
        return any(self._leads_to(value, fd, depth - 1, seen) for value in held.values())

    def _inner(self, kind: str, address: int) -> list[int]:
        """What a bound method is bound to, or what the frame of a generator has: a `with` block keeps either."""
        if kind == "method":
            holder = self._objects.function(address).holder
            return [holder] if holder else []
        return [one for raw in self._interpreter.coroutine_chain(address).frames for one in self._values(raw)]

    def _is_number(self, address: int, fd: int) -> bool:
        value = self._objects.value(address)
        return isinstance(value, int) and not isinstance(value, bool) and value == fd


def _is_for_number(name: str) -> bool:
    return any(word in name for word in NUMBERS)
