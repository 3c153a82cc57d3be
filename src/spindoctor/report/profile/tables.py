"""Tables in which each name, frame or stack stands once and is named by its place."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from spindoctor.model.frames import Frame, Stack

Key = TypeVar("Key", bound=Hashable)


class Table(Generic[Key]):
    """Gives each key its place, in the order in which they are first met."""

    def __init__(self) -> None:
        """Empty."""
        self.places: dict[Key, int] = {}

    def place(self, key: Key) -> int:
        """Where the key stands."""
        return self.places.setdefault(key, len(self.places))

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - the keys, in order
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class StackTree:
    """Stacks as nodes with a parent: a stack is the place of its innermost node."""

    def __init__(self) -> None:
        """Empty."""
        self.frames: Table[Frame] = Table()
        self.nodes: Table[tuple[int, int]] = Table()
        self._known: dict[Stack, int] = {}

    def place(self, stack: Stack) -> int:
        """The node of a stack given outermost first; -1 for an empty one."""
        found = self._known.get(stack)
        if found is None:
            found = -1
            for frame in stack:
                found = self.nodes.place((found, self.frames.place(frame)))
            self._known[stack] = found
        return found

    def known(self, stack: Stack) -> int:
        """The node of the longest part of a stack, from its outermost frame on, that is there already."""
        found = -1
        for frame in stack:
            inner = self.nodes.places.get((found, self.frames.places.get(frame, -1)))
            if inner is None:
                break
            found = inner
        return found
