"""The exception that a thread is handling: its type, what it says, and the places that it came through.

`sys.exc_info()` of a thread is a chain of items, one in the thread's state and one in each coroutine or generator that
runs; the innermost item that holds an exception counts (`_PyErr_GetTopmostException` in Python/errors.c). Up to 3.10
an item has three members, from 3.11 on the exception alone. An exception is there from the moment a handler is entered
until it is left, also while functions called by the handler run.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from spindoctor.cpython.classes import EXCEPTION, TEXT, Classes
from spindoctor.cpython.codes import Codes
from spindoctor.cpython.holdings import Holdings
from spindoctor.cpython.reader import Reader, word_at
from spindoctor.cpython.texts import Texts
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

MOST_WRAPPED = 4
"""One that is its own argument, or memory that was used again, would lead on for ever."""

MOST_ITEMS = 16
"""Coroutines and generators that run inside each other and handle nothing themselves."""

MOST_PLACES = 64
"""Functions that an exception came through; a recursion that fails has a thousand."""

MOST_CHARACTERS = 200
INTERPRETER_FRAMES_SINCE = 11
TAG_MASK = 3
"""From 3.14 on the lowest bits of a reference are a tag; before that they are zero."""


@dataclass(frozen=True, slots=True)
class RawException:
    """An exception. `places` are the frames that it came through, innermost first; `text` is what it says.

    `names` are its type's and its bases', `frames` where these frames lie (for `Frames.at`).
    """

    address: int
    kind: str
    names: tuple[str, ...]
    text: str
    places: tuple[Frame, ...]
    frames: tuple[int, ...]


class Exceptions:
    """Decodes exceptions."""

    def __init__(self, reader: Reader, classes: Classes, texts: Texts, codes: Codes, holdings: Holdings) -> None:
        self._reader = reader
        self._layout = reader.layout
        self._classes = classes
        self._texts = texts
        self._codes = codes
        self._holdings = holdings
        self._is_modern = reader.layout.minor >= INTERPRETER_FRAMES_SINCE
        self._chains: dict[int, list[int]] = {}
        self._nothing = 0
        """Where None lies, once an item has held it: there is one, and it never goes."""

    @functools.cached_property
    def _head(self) -> int:
        """Where a thread's state keeps its innermost item."""
        return self._layout["thread_state.exc_info"]

    @functools.cached_property
    def _item(self) -> tuple[int, int, int, int]:
        """Where an item's members begin, how many bytes they are, and where in them value and next item lie."""
        value, previous = (self._layout[f"err_stackitem.{name}"] for name in ("exc_value", "previous_item"))
        first = min(value, previous)
        return first, max(value, previous) + 8 - first, value - first, previous - first

    def handled(self, thread: int) -> int:
        """Return the address of the exception that the thread whose state lies here is handling, 0 if it is none."""
        first, size, value_at, previous_at = self._item
        value: int
        item, known = self._chain(thread)
        passed: list[int] = []
        while item and len(passed) < MOST_ITEMS:
            passed.append(item)
            block = known.get(item) or self._reader.read(item + first, size)
            value, item = word_at(block, value_at)[0], word_at(block, previous_at)[0]
            if value and value != self._nothing and self._is_exception(value):
                return value
        self._chains[thread] = passed
        return 0

    def _is_exception(self, value: int) -> bool:
        found = self._classes.of(value)
        is_exception = bool(found.flags & EXCEPTION)
        if not is_exception and found.name == "NoneType":
            self._nothing = value
        return is_exception

    def _chain(self, thread: int) -> tuple[int, dict[int, bytes]]:
        """Return a thread's innermost item and, read together with it, those that it had when it handled nothing."""
        first, size, _, _ = self._item
        place, items = thread + self._head, self._chains.get(thread, [])
        try:
            head, *blocks = self._reader.read_many([(place, 8), *[(item + first, size) for item in items]])
        except Misread:
            self._chains.pop(thread, None)
            return self._reader.word(place), {}
        return word_at(head)[0], dict(zip(items, blocks, strict=True))

    def describe(self, address: int) -> RawException:
        """Return what an exception says; `Misread` if it is gone."""
        found = self._classes.of(address)
        if not found.flags & EXCEPTION:
            raise Misread(f"no exception at {address:#x}, but {found.name}")
        places = self._places(self._reader.word(address + self._layout["exception_object.traceback"]))
        names = self._classes.names(found)
        return RawException(
            address=address,
            kind=found.name,
            names=names,
            text=self._text(address, names),
            places=tuple(place for place, _ in places),
            frames=tuple(frame for _, frame in places),
        )

    def _places(self, traceback: int) -> list[tuple[Frame, int]]:
        """Where the exception came through, and where those frames lie, innermost first."""
        found: list[tuple[Frame, int]] = []
        layout = self._layout
        while traceback and len(found) < MOST_PLACES:
            if self._classes.of(traceback).name != "traceback":
                raise Misread(f"no traceback at {traceback:#x}")
            frame = self._reader.word(traceback + layout["traceback_object.tb_frame"])
            last = self._reader.int32(traceback + layout["traceback_object.tb_lasti"])
            inner = self._reader.word(frame + self._layout["frame_object.f_frame"]) if self._is_modern else frame
            found.append((self._codes.frame(self._code(inner), last), inner))
            traceback = self._reader.word(traceback + layout["traceback_object.tb_next"])
        return found[::-1]

    def _code(self, frame: int) -> int:
        name = "interpreter_frame.executable" if self._is_modern else "frame_object.f_code"
        return self._reader.word(frame + self._layout[name]) & ~TAG_MASK

    def _text(self, address: int, names: tuple[str, ...], depth: int = MOST_WRAPPED) -> str:
        """What `str()` would give, for the common forms: one text, the system's error, that of an exception inside."""
        if "OSError" in names:
            told = self._member(address, "os_error_object.strerror")
            if told and self._classes.of(told).flags & TEXT:
                return self._texts.read(told, MOST_CHARACTERS)
        arguments = self._member(address, "exception_object.args")
        for argument in self._holdings.items(arguments) if arguments else ():
            if self._classes.of(argument).flags & TEXT:
                return self._texts.read(argument, MOST_CHARACTERS)
            if depth and self._classes.of(argument).flags & EXCEPTION:
                return self._text(argument, self._classes.names(self._classes.of(argument)), depth - 1)
        return ""

    def _member(self, address: int, name: str) -> int:
        return self._reader.word(address + self._layout[name])
