"""A recording as MessagePack: the same frames and stacks come back in nearly every look, so each is written once.

Every dataclass has a stand-in, a `msgspec.Struct` with the same fields, in which a frame or a stack is a place in a
table. The stand-ins are made from the dataclasses' own type hints, so a new field needs no change here. Fields are
written by name and left out where they hold their default: a file of an older spindoctor stays readable when a field
with a default is added.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import Recording
from spindoctor.store.files import DamagedError

Item = TypeVar("Item")
Convert = Callable[[Any], Any]
Kind = Any
"""A type as hints show it; Python has no narrower name for what `get_type_hints` gives."""


def encode(recording: Recording) -> bytes:
    """The recording with tables of frames and stacks, as MessagePack. Its integers have at most 64 bits."""
    try:
        return _encode(recording, is_escaped=False)
    except UnicodeEncodeError:
        return _encode(recording, is_escaped=True)


def decode(body: bytes) -> Recording:
    """The recording that `encode` was given. Raises `DamagedError` for all other bytes."""
    try:
        content = msgspec.msgpack.decode(body, type=_body())
        return _Reader(content).recording
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DamagedError(f"its content is of another kind: {error}") from error


def _encode(recording: Recording, *, is_escaped: bool) -> bytes:
    tables = _Tables()
    leaves: dict[Kind, Convert] = {Frame: tables.frame, Stack: tables.stack}
    if is_escaped:
        leaves[str] = _escaped
    content = _mapping(Recording, leaves, _stand_in)(recording)
    frame = _mapping(Frame, {str: leaves[str]} if is_escaped else {}, _stand_in)
    frames = [frame(one) for one in tables.frames]
    return msgspec.msgpack.encode(_body()(frames, list(tables.stacks), content, is_escaped))


class _Tables:
    """Gives each frame and each stack its place, in the order in which they are first met."""

    def __init__(self) -> None:
        self.frames: dict[Frame, int] = {}
        self.stacks: dict[tuple[int, ...], int] = {}
        self._met: dict[tuple[int, ...], int] = {}

    def frame(self, frame: Frame) -> int:
        return self.frames.setdefault(frame, len(self.frames))

    def stack(self, stack: Stack) -> int | tuple[()]:
        """Compares by identity first: the frames live as long as the recording, and hashing 40 of them is slow.

        An empty stack stands for itself, so that it is left out where it is a field's default.
        """
        if not stack:
            return ()
        identity = tuple(map(id, stack))
        place = self._met.get(identity)
        if place is None:
            place = self.stacks.setdefault(tuple(map(self.frame, stack)), len(self.stacks))
            self._met[identity] = place
        return place


class _Reader:
    """Puts frames and stacks back; every place is checked before it is used."""

    def __init__(self, content: Any) -> None:  # noqa: ANN401 - an instance of the struct that `_body` makes
        strings: dict[Kind, Convert] = {str: _unescaped} if content.is_escaped else {}
        restore = _mapping(Frame, strings, _itself)
        self._frames: list[Frame] = [restore(one) for one in content.frames]
        self._stacks = [tuple(map(self.frame, stack)) for stack in content.stacks]
        leaves = {Frame: self.frame, Stack: self.stack} | strings
        self.recording: Recording = _mapping(Recording, leaves, _itself)(content.recording)

    def frame(self, place: int) -> Frame:
        return _at(self._frames, place)

    def stack(self, place: int | tuple[()]) -> Stack:
        return () if isinstance(place, tuple) else _at(self._stacks, place)


def _at(table: Sequence[Item], place: int) -> Item:
    if not 0 <= place < len(table):
        raise DamagedError(f"place {place} in a table of {len(table)}")
    return table[place]


def _itself(kind: Kind) -> Kind:
    return kind


@functools.cache
def _body() -> Kind:
    fields: list[Any] = [
        ("frames", types.GenericAlias(list, (_stand_in(Frame),))),
        ("stacks", list[tuple[int, ...]]),
        ("recording", _wired(Recording)),
        ("is_escaped", bool, False),
    ]
    return msgspec.defstruct("Body", fields, omit_defaults=True)


@functools.cache
def _stand_in(kind: Kind) -> Kind:
    """The struct that stands for a dataclass in a file."""
    hints = get_type_hints(kind)
    fields: list[Any] = []
    for one in dataclasses.fields(kind):
        wired = _wired(hints[one.name])
        if one.default is not dataclasses.MISSING:
            fields.append((one.name, wired, one.default))
        elif one.default_factory is not dataclasses.MISSING:
            fields.append((one.name, wired, msgspec.field(default_factory=one.default_factory)))
        else:
            fields.append((one.name, wired))
    return msgspec.defstruct(kind.__name__, fields, omit_defaults=True)


def _wired(kind: Kind) -> Kind:
    """The type of what stands for a value of type `kind` in a file."""
    if kind == Frame:
        return int
    if kind == Stack:
        return int | tuple[()]
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _stand_in(kind)
    if _is_union(kind):
        return functools.reduce(operator.or_, map(_wired, get_args(kind)))
    if _origin(kind) is tuple:
        return types.GenericAlias(tuple, tuple(map(_wired, get_args(kind))))
    return kind


def _mapping(kind: Kind, leaves: dict[Kind, Convert], make: Convert) -> Convert:
    """A function that rebuilds a value of type `kind`: `leaves` convert, `make` gives a copy's class."""
    if kind in leaves:
        return leaves[kind]
    if dataclasses.is_dataclass(kind):
        return _fields_mapping(kind, leaves, make)
    if _is_union(kind):
        inner = [_mapping(one, leaves, make) for one in get_args(kind) if one is not types.NoneType]
        return _itself if inner == [_itself] else lambda value: value if value is None else inner[0](value)
    if _origin(kind) is tuple:
        return _tuple_mapping(get_args(kind), leaves, make)
    return _itself


def _fields_mapping(kind: Kind, leaves: dict[Kind, Convert], make: Convert) -> Convert:
    hints = get_type_hints(kind)
    parts = [(one.name, _mapping(hints[one.name], leaves, make)) for one in dataclasses.fields(kind)]
    copy = make(kind)

    def rebuild(value: Any) -> Any:  # noqa: ANN401 - a dataclass or its stand-in
        found = (getattr(value, name) for name, _ in parts)
        return copy(*[one if part is _itself else part(one) for one, (_, part) in zip(found, parts, strict=True)])

    return rebuild


def _tuple_mapping(members: tuple[Kind, ...], leaves: dict[Kind, Convert], make: Convert) -> Convert:
    parts = [_mapping(one, leaves, make) for one in members if one is not Ellipsis]
    if all(part is _itself for part in parts):
        return _itself
    if members[-1] is Ellipsis:
        return lambda values: tuple(map(parts[0], values))
    return lambda values: tuple(part(one) for part, one in zip(parts, values, strict=True))


def _is_union(kind: Kind) -> bool:
    return _origin(kind) in (Union, types.UnionType)


def _origin(kind: Kind) -> Kind:
    return get_origin(kind)


def _escaped(text: str) -> str:
    """Names on Linux are bytes; those that are no UTF-8 reach us with lone surrogates, which no UTF-8 can hold."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _unescaped(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogatepass")
