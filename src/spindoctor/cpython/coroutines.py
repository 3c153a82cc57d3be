"""Generators, coroutines and async generators: their names, and the chain of what each waits for."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.cpython.classes import Classes
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
MAX_LINKS = 256
SMALLEST_HEAD = 24  # an object's head and one member: as much as every wrapper has

__all__ = ["KINDS", "Chain", "Coroutines", "End"]


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
        kind, block = self._look(address)
        if kind not in KINDS:
            return kind, None
        name = self._texts.read(word_at(block, self._name)[0])
        try:
            return name, self._codes.at(self._suspensions.code(block)).definition
        except Misread:
            return name, None

    def chain(self, address: int) -> Chain:
        """Return where the coroutine or generator at `address` stands, and all that it waits for in turn."""
        frames: list[RawFrame] = []
        holders: list[int] = []
        for _ in range(MAX_LINKS):
            kind, block = self._look(address)
            inner = word_at(block, self._wrapped[kind])[0] if kind in self._wrapped else 0
            if inner:
                address = inner
                continue
            if kind not in KINDS:
                return Chain(tuple(frames), tuple(holders), End.OBJECT, address, kind)
            link = self._suspensions.of(address, block)
            if link.frame:
                frames.append(link.frame)
                holders.append(address)
            if link.end:
                return Chain(tuple(frames), tuple(holders), link.end, address, kind)
            address = link.awaited
        raise Misread(f"an await chain without end at {address:#x}")

    def _look(self, address: int) -> tuple[str, bytes]:
        """Return the name of the object's type and its first bytes, enough for every kind that we know."""
        try:
            block = self._reader.read(address, self._head)
        except Unreadable:
            block = self._reader.read(address, SMALLEST_HEAD)
        kind = self._classes.at(word_at(block, self._type)[0]).name
        if kind in KINDS and len(block) < self._head:
            raise Misread(f"half a {kind} at {address:#x}")
        return kind, block
