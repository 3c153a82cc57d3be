"""Generators, coroutines and async generators: their names, and the chain of what each waits for.

Compiled ones (Cython's) have no frame of Python's. Their type says itself where what they await lies, in its table of
members (`cr_await`; Cython/Utility/Coroutine.c): so the chain goes on behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.cpython.classes import Class, Classes
from spindoctor.cpython.codes import Codes
from spindoctor.cpython.frames import Frames, RawFrame
from spindoctor.cpython.reader import Reader, word_at
from spindoctor.cpython.suspensions import End, suspensions_for
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread, Unreadable
from spindoctor.model.frames import Frame

KINDS = frozenset({"coroutine", "generator", "async_generator"})
WRAPPERS = {
    "coroutine_wrapper": "coroutine_wrapper.coroutine",
    "async_generator_asend": "async_gen_awaitable.generator",
    "async_generator_athrow": "async_gen_awaitable.generator",
    "anext_awaitable": "async_gen_awaitable.generator",
    "_asyncio.FutureIter": "future_iterator.future",
}
COMPILED_WRAPPER = ".coroutine_wrapper"
"""How the name of the object ends by which a compiled coroutine is awaited; it has it in the place of CPython's own."""

COMPILED = ("coroutine", "generator")
"""How the names of compiled types end: `_cython_3_0_11.coroutine`, `iterable_coroutine`."""

AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")
"""Members of compiled types; CPython's own have none of these names, they compute them (Objects/genobject.c)."""

MAX_LINKS = 256
SMALLEST_HEAD = 24  # an object's head and one member: as much as every wrapper has

__all__ = ["KINDS", "Chain", "Coroutines", "End"]


@dataclass(frozen=True, slots=True)
class Chain:
    """An await chain, outermost coroutine first.

    `holders` are the addresses of the generator or coroutine objects, one for each frame. `end` says why the chain
    ends: `OBJECT` with `end_object` the address of what is awaited (a future, say) and `end_type` its type's name; else
    `end_object` is the last generator or coroutine. `compiled` are the places at which compiled coroutines on the way
    keep what they await.
    """

    frames: tuple[RawFrame, ...]
    holders: tuple[int, ...]
    end: End
    end_object: int
    end_type: str
    compiled: tuple[int, ...] = ()


class Coroutines:
    """Decodes generator-like objects."""

    def __init__(self, reader: Reader, classes: Classes, texts: Texts, codes: Codes, frames: Frames) -> None:
        layout = reader.layout
        self._reader = reader
        self._classes = classes
        self._texts = texts
        self._codes = codes
        self._suspensions = suspensions_for(reader, codes, frames)
        self._type = layout["pyobject.ob_type"]
        self._name = layout["gen_object.gi_qualname"]
        self._head = max(self._suspensions.head, self._name + 8)
        self._wrapped = {kind: layout[name] for kind, name in WRAPPERS.items()}

    def describe(self, address: int) -> tuple[str, Frame | None]:
        """Return `__qualname__`, and the function with the line at which its code begins.

        The name is there also of one that has finished; the second is None where no trace of the code is left. What is
        no coroutine of Python's own is named by its type.
        """
        found, block = self._look(address)
        if found.name not in KINDS:
            return found.name, None
        name = self._texts.read(word_at(block, self._name)[0])
        try:
            return name, self._codes.at(self._suspensions.code(block)).definition
        except Misread:
            return name, None

    def chain(self, address: int) -> Chain:
        """Return where the coroutine or generator at `address` stands, and all that it waits for in turn."""
        frames: list[RawFrame] = []
        holders: list[int] = []
        compiled: list[int] = []
        for _ in range(MAX_LINKS):
            found, block = self._look(address)
            inner = word_at(block, self._wrapped[found.name])[0] if found.name in self._wrapped else 0
            if not inner and (offset := self._awaited_at(found)):
                compiled.append(address + offset)
                inner = self._reader.word(address + offset)
            if inner:
                address = inner
                continue
            if found.name not in KINDS:
                return Chain(tuple(frames), tuple(holders), End.OBJECT, address, found.name, tuple(compiled))
            link = self._suspensions.of(address, block)
            if link.frame:
                frames.append(link.frame)
                holders.append(address)
            if link.end:
                return Chain(tuple(frames), tuple(holders), link.end, address, found.name, tuple(compiled))
            address = link.awaited
        raise Misread(f"an await chain without end at {address:#x}")

    def _awaited_at(self, found: Class) -> int:
        """The offset at which a compiled type keeps what its objects await; 0 for any other type."""
        if found.name.endswith(COMPILED_WRAPPER):
            return self._wrapped[COMPILED_WRAPPER[1:]]
        if found.name in KINDS or not found.name.endswith(COMPILED) or not found.members:
            return 0
        members = self._classes.members(found)
        offset = next((members[name] for name in AWAITED if name in members), 0)
        return offset if 0 < offset < found.basic_size else 0

    def _look(self, address: int) -> tuple[Class, bytes]:
        """Return the object's type and its first bytes, enough for every kind that we know."""
        try:
            block = self._reader.read(address, self._head)
        except Unreadable:
            block = self._reader.read(address, SMALLEST_HEAD)
        found = self._classes.at(word_at(block, self._type)[0])
        if found.name in KINDS and len(block) < self._head:
            raise Misread(f"half a {found.name} at {address:#x}")
        return found, block
