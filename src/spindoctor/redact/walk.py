"""Goes through a recording by the types of its fields, and rebuilds it with each text treated."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import Recording

HIDDEN = "***"
"""Stands for what is not shown."""

Noun = TypeVar("Noun")
Treatment = Callable[[str], str]
Convert = Callable[[Any], Any]


def rebuild(value: Noun, treatments: Mapping[str, Treatment | None], wholes: Mapping[type, Convert]) -> Noun:
    """A copy of a noun of the model. Every text went through the treatment of its field, or became `***` without one.

    Fields are named `Class.field`; `wholes` take values of their class as a whole. Equal frames and stacks stay one
    object each.
    """
    result: Noun = _Rebuilder(treatments, wholes).convert(type(value))(value)
    return result


def texts(value: object, wanted: AbstractSet[str]) -> list[str]:
    """All texts in the fields named `Class.field`, each once, in the order of the alphabet."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.add(text)
        return text

    rebuild(value, dict.fromkeys(wanted, note), {})
    return sorted(found)


def text_fields(kind: Any = Recording) -> Iterator[str]:  # noqa: ANN401 - a type as hints show it
    """`Class.field` for every field of the model that holds text; some are named more than once."""
    for cls in sorted(_classes(kind), key=lambda one: one.__name__):
        hints = get_type_hints(cls)
        for one in dataclasses.fields(cls):
            if str in _leaves(hints[one.name]):
                yield f"{cls.__name__}.{one.name}"


class _Rebuilder:
    """Makes one function for each type, once."""

    def __init__(self, treatments: Mapping[str, Treatment | None], wholes: Mapping[type, Convert]) -> None:
        self._treatments = treatments
        self._wholes = wholes
        self._made: dict[type, Convert] = {}
        self._frames: dict[Frame, Frame] = {}
        self._stacks: dict[int, tuple[Stack, Stack]] = {}

    def convert(self, kind: Any, text: Treatment | None = None) -> Convert:  # noqa: ANN401
        """The function for values of this type; `text` treats the texts in it."""
        if kind is str:
            return text or _hide
        if kind == Stack:
            return self._stack
        if kind is Frame:
            return self._frame
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self._wholes.get(kind) or self._made.get(kind) or self._of_class(kind)
        if get_origin(kind) is tuple:
            return self._of_tuple(get_args(kind), text)
        return self._of_union(get_args(kind), text) if _is_union(kind) else _itself

    def _of_class(self, kind: type) -> Convert:
        parts: list[tuple[str, Convert]] = []

        def rebuilt(value: Any) -> Any:  # noqa: ANN401
            return kind(**{name: part(getattr(value, name)) for name, part in parts})

        self._made[kind] = rebuilt
        hints = get_type_hints(kind)
        parts += [
            (one.name, self.convert(hints[one.name], self._treatments.get(f"{kind.__name__}.{one.name}")))
            for one in dataclasses.fields(kind)
        ]
        return rebuilt

    def _of_tuple(self, members: tuple[Any, ...], text: Treatment | None) -> Convert:
        parts = [self.convert(one, text) for one in members if one is not Ellipsis]
        if all(part is _itself for part in parts):
            return _itself
        if members[-1] is Ellipsis:
            return lambda values: tuple(map(parts[0], values))
        return lambda values: tuple(part(one) for part, one in zip(parts, values, strict=True))

    def _of_union(self, members: tuple[Any, ...], text: Treatment | None) -> Convert:
        inner = next((one for one in members if one is not types.NoneType), str)
        part = self.convert(inner, text)
        return part if part is _itself else lambda value: value if value is None else part(value)

    def _frame(self, frame: Frame) -> Frame:
        known = self._frames.get(frame)
        if known is None:
            known = self._frames[frame] = self._of_frame(frame)
        return known

    @functools.cached_property
    def _of_frame(self) -> Convert:
        return self._of_class(Frame)

    def _stack(self, stack: Stack) -> Stack:
        """By identity: most looks share their stacks, and hashing forty frames is slow. The old one is kept alive."""
        known = self._stacks.get(id(stack))
        if known is None:
            known = self._stacks[id(stack)] = (stack, tuple(map(self._frame, stack)))
        return known[1]


def _itself(value: Any) -> Any:  # noqa: ANN401
    return value


def _hide(text: str) -> str:
    return text and HIDDEN


def _is_union(kind: Any) -> bool:  # noqa: ANN401
    return get_origin(kind) in (Union, types.UnionType)


def _leaves(kind: Any) -> set[Any]:  # noqa: ANN401
    """The plain types that a hint is made of."""
    members = [one for one in get_args(kind) if one is not Ellipsis]
    return set().union(*map(_leaves, members)) if members else {kind}


def _classes(kind: Any) -> set[type]:  # noqa: ANN401
    """A dataclass and all that its fields can hold."""
    found: set[type] = set()
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if one in found or not dataclasses.is_dataclass(one):
            continue
        found.add(one)  # type: ignore[arg-type]
        waiting += [leaf for hint in get_type_hints(one).values() for leaf in _leaves(hint)]
    return found
