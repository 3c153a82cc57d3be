"""What functions have at hand: in their variables, in attributes of `self`, and in variables of their module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Handle, Party
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.module_values import ModuleValues

ENDS = re.compile(r"queue|stream|channel|sender|receiver", re.IGNORECASE)
"""How the types of what leads to a queue are called: of libraries' functions, which have much at hand, only these."""

MOST_FRAMES = 30

Frames = Sequence[RawFrame]


@dataclass(frozen=True, slots=True)
class Held:
    """Which of the wanted objects somebody has at hand: in functions of the user's, and in those of libraries."""

    frames: Frames
    wanted: frozenset[int]
    handles: tuple[tuple[int, Handle], ...]
    by_library: frozenset[int]


class AtHandReader:
    """Reads it in one process."""

    def __init__(
        self,
        interpreter: Interpreter,
        is_user: Callable[[Frame], bool],
        modules: ModuleValues,
        *,
        by_name: bool = False,
    ) -> None:
        """Look through this interpreter; `is_user` tells the user's own code.

        `by_name`: only what the user's functions call by a name of their own, neither a part of it nor by a library.
        """
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._by_name = by_name
        self._held: dict[Party, Held] = {}
        self._modules = modules
        self._plain: set[int] = set()
        """Types whose instances have no attributes: numbers, texts, what a library keeps in C."""

    def held(self, parties: Mapping[Party, Frames], wanted: frozenset[int]) -> Mapping[Party, Held]:
        """Who has one of these objects at hand; of who has not moved it is known."""
        known, self._held = self._held, {}
        for party, frames in parties.items():
            before = known.get(party)
            if before is None or before.frames is not frames or before.wanted != wanted:
                handles = tuple(self._at_hand(party, frames, wanted))
                before = Held(frames, wanted, handles, frozenset(self._by_library(frames, wanted)))
            self._held[party] = before
        return self._held

    def _at_hand(self, party: Party, frames: Frames, wanted: frozenset[int]) -> Iterator[tuple[int, Handle]]:
        for raw in [raw for raw in frames if self._is_user(raw.frame)][:MOST_FRAMES]:
            for name, value in self._variables(raw):
                for one in self._reaches(value, wanted):
                    yield one, Handle(party, raw.frame, name)
            for name, value in self._modules.of(raw.frame.file):
                if value in wanted:
                    yield value, Handle(party, raw.frame, name)

    def _by_library(self, frames: Frames, wanted: frozenset[int]) -> Iterator[int]:
        """The wanted objects that functions of libraries have at hand."""
        for raw in [] if self._by_name else [raw for raw in frames if not self._is_user(raw.frame)][:MOST_FRAMES]:
            for _, value in self._variables(raw):
                if value in wanted or self._is_end(value):
                    yield from self._reaches(value, wanted)

    def _is_end(self, value: int) -> bool:
        """Whether an object is one end of a channel, by its type."""
        with suppress(Misread):
            return ENDS.search(self._objects.type_name(value)) is not None
        return False

    def _variables(self, raw: RawFrame) -> Iterator[tuple[str, int]]:
        """The variables of a frame, and the attributes of its `self`, by how the source calls them."""
        try:
            variables = self._interpreter.locals(raw)
        except Misread:
            return
        yield from variables.items()
        if holder := variables.get("self"):
            with suppress(Misread):
                yield from ((f"self.{name}", value) for name, value in self._objects.attributes(holder).items())

    def _reaches(self, value: int, wanted: frozenset[int]) -> Iterator[int]:
        """The wanted objects that a value is, or is one end of."""
        if value in wanted:
            yield value
        if value in wanted or self._by_name:
            return
        with suppress(Misread):
            kind = self._objects.classes.of(value).address
            if kind in self._plain:
                return
            parts = set(self._objects.attributes(value).values())
            if not parts:
                self._plain.add(kind)
            yield from parts & wanted
