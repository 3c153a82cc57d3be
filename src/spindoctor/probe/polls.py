"""What a thread asks its selector for, and what that gives back, read off the frames that make the call.

The standard library's selectors keep both in local variables (Lib/selectors.py), and so does one turn of its event
loop (Lib/asyncio/base_events.py, `_run_once`). A call of `select`, `poll` or `epoll` themselves has its arguments on
the evaluation stack of the frame that made it (Modules/selectmodule.c).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from spindoctor.cpython.classes import INT, LIST
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.watching import NO_LIMIT_S, READABLE, WRITABLE, Handler, Poll, Registration
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.loops import HANDLE_FILE, SELECTOR_FILE, TURN_FILE

MADE_BY = ("select", "_run_once")
"""How the names of the functions end that call a selector, or go round and call it."""

OF_SELECT = ("self", "timeout", "fd_event_list", "ready")
OF_TURN = ("self", "timeout", "event_list", "handle")

MOST_EVENTS = 16
"""A spin shows in the first events; a busy selector gives back hundreds."""

MOST_ASKED = 64
MOST_OPERANDS = 12
MOST_FRAMES = 3
"""What a bare selector gave back is kept by the function that called it or by the one that called that."""

MIN_MET = 3
"""Fewer can be chance: memory of a handle that has run is given to the next one."""

MOST_DESCRIPTOR = 1 << 20
HEAD_BYTES = 16
"""Reference count and type: behind them a socket, a file and an epoll keep their descriptor as a C int, and a poll
object its dict of descriptors."""

READ, WRITE = 1, 2
"""`selectors.EVENT_READ` and `EVENT_WRITE`."""

METHODS = frozenset({"method_descriptor", "builtin_function_or_method"})
POLLERS = frozenset({"select.epoll", "select.poll"})
NUMBERED = ("fd", "_fd", "_handle")
"""Attributes that hold a descriptor's number: files of our own making, `multiprocessing.connection.Connection`."""


class PollReader:
    """Reads selector calls."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self.selectors: dict[int, int] = {}
        """Address of the selector object that each thread was last seen to use, by the thread's kernel id."""
        self._met: Counter[int] = Counter()
        self._handles: dict[int, tuple[tuple[int, int], ...]] = {}

    def read(self, tid: int, frames: Sequence[RawFrame]) -> Poll | None:
        """The selector call of this thread, innermost frame first; None where none shows.

        In a turn of the standard event loop the call shows until the turn ends.
        """
        select, turn = places(frames)
        if select is not None:
            return self._selector(tid, frames[select], select + 1)
        if turn is not None:
            return self._turn(tid, frames, turn)
        return self._bare(frames) if frames else None

    def _selector(self, tid: int, raw: RawFrame, depth: int) -> Poll:
        mine = self._some_locals(raw, OF_SELECT)
        if "self" in mine:
            self.selectors[tid] = mine["self"]
        events = self._pairs(mine.get("fd_event_list")) or self._keys(mine.get("ready"))
        return Poll(self._seconds(mine), events, (), depth)

    def _seconds(self, mine: dict[str, int]) -> float | None:
        """The timeout given to `select`; `PollSelector` turns it into whole milliseconds first."""
        given = self._timeout(mine.get("timeout"))
        is_poll = "self" in mine and self._kind(mine["self"]) == "PollSelector"
        return given / 1000 if given and given > 0 and is_poll else given

    def _turn(self, tid: int, frames: Sequence[RawFrame], turn: int) -> Poll:
        mine = self._some_locals(frames[turn], OF_TURN)
        loop = mine.get("self")
        if loop and tid not in self.selectors and (selector := self._attribute(loop, "_selector")):
            self.selectors[tid] = selector
        is_outside = not any(raw.frame.file.endswith(HANDLE_FILE) for raw in frames[:turn])
        events = self._keys(mine.get("event_list")) or self._event_of(tid, mine.get("handle", 0))
        return Poll(self._timeout(mine.get("timeout")), events, (), turn if is_outside else 0)

    def _event_of(self, tid: int, handle: int) -> tuple[tuple[int, int], ...]:
        """The event for which the loop runs a handle, if it is one that comes back: then the selector keeps it.

        Most handles are made for one run and never met again; only of the others is the selector asked.
        """
        self._met[handle] += 1
        if handle and handle not in self._handles and self._met[handle] >= MIN_MET and len(self._handles) < MOST_ASKED:
            self._handles[handle] = self._find_handle(tid, handle)
        return self._handles.get(handle, ())

    def _find_handle(self, tid: int, handle: int) -> tuple[tuple[int, int], ...]:
        """No event for None: a turn ends with it in `handle`, and a selector keeps it where nobody writes."""
        if self._kind(handle) in {"NoneType", ""}:
            return ()
        try:
            registry = self._attribute(self.selectors.get(tid, 0), "_fd_to_key")
            for _, key in self._objects.pairs(registry) if registry else ():
                number, _, data = self._objects.items(key)[1:4]
                kept = self._objects.items(data) if self._objects.type_name(data) == "tuple" else ()
                fd = self._objects.value(number)
                if handle in kept and isinstance(fd, int):
                    return ((fd, READABLE & 1 if kept[0] == handle else WRITABLE & 4),)
        except (Misread, ValueError):
            return ()
        return ()

    def _timeout(self, address: int | None) -> float | None:
        if address is None:
            return None
        try:
            value = self._objects.value(address)
        except Misread:
            return None
        if value is None:
            return NO_LIMIT_S
        return float(value) if isinstance(value, int | float) else None

    def _pairs(self, address: int | None) -> tuple[tuple[int, int], ...]:
        """A list of (descriptor, mask), as `epoll.poll` and `poll.poll` give it."""
        try:
            value = self._objects.value(address, 2, MOST_EVENTS) if address else None
        except Misread:
            return ()
        return _events(value) if isinstance(value, list) else ()

    def _keys(self, address: int | None) -> tuple[tuple[int, int], ...]:
        """A list of (SelectorKey, mask), as `selectors` gives it, with the mask in poll's terms."""
        try:
            value = self._objects.value(address, 3, MOST_EVENTS) if address else None
        except Misread:
            return ()
        pairs = value if isinstance(value, list) else []
        found = [(pair[0][1], _kernel_mask(pair[1])) for pair in pairs if _is_key_and_mask(pair)]
        return _events(found)

    def _bare(self, frames: Sequence[RawFrame]) -> Poll | None:
        """A call of `select.select` or of a poll object, by the function that stands innermost."""
        try:
            operands = self._interpreter.operands(frames[0], MOST_OPERANDS)
        except Misread:
            return None
        kinds = [self._kind(address) for address in operands]
        for place, kind in enumerate(kinds):
            if kind in POLLERS and place and kinds[place - 1] in METHODS:
                return self._poller(operands[place], kind, operands[place + 1 :], frames)
            if kind == "builtin_function_or_method" and (call := self._called(operands[place])):
                name, holder = call
                if holder and self._kind(holder) in POLLERS and name == "poll":
                    return self._poller(holder, self._kind(holder), operands[place + 1 :], frames)
                if name == "select":
                    return self._select(operands[place + 1 :], frames)
        return None

    def _poller(self, poller: int, kind: str, arguments: Sequence[int], frames: Sequence[RawFrame]) -> Poll:
        given = next((one for one in arguments[:2] if one), 0)
        timeout = self._timeout(given) if self._kind(given) in {"int", "float", "NoneType"} else NO_LIMIT_S
        in_seconds = timeout / 1000 if timeout and timeout > 0 and kind == "select.poll" else timeout
        asked = self._poll_dict(poller) if kind == "select.poll" else ()
        return Poll(in_seconds, self._results(frames), asked)

    def _poll_dict(self, poller: int) -> tuple[tuple[int, int], ...]:
        """What a poll object is asked for, by descriptor."""
        try:
            asked = self._objects.value(self._interpreter.reader.word(poller + HEAD_BYTES), 1, MOST_ASKED)
        except Misread:
            return ()
        return _events(asked.items()) if isinstance(asked, dict) else ()

    def _select(self, arguments: Sequence[int], frames: Sequence[RawFrame]) -> Poll | None:
        lists = [one for one in arguments if self._is_list(one)][:3]
        if len(lists) < 3:  # noqa: PLR2004 - readers, writers, exceptional ones: fewer are no call of select
            return None
        rest = arguments[arguments.index(lists[2]) + 1 :][:1]
        is_given = bool(rest) and self._kind(rest[0]) in {"int", "float", "NoneType"}
        timeout = self._timeout(rest[0]) if is_given else NO_LIMIT_S
        readers, writers = (self._descriptors(one) for one in lists[:2])
        asked = (*((fd, READABLE & 1) for fd in readers), *((fd, WRITABLE & 4) for fd in writers))
        return Poll(timeout, self._results(frames), asked)

    def _results(self, frames: Sequence[RawFrame]) -> tuple[tuple[int, int], ...]:
        """A list of (descriptor, mask) in a variable of the innermost functions."""
        for raw in frames[:MOST_FRAMES]:
            found = (self._pairs(address) for address in self._locals(raw).values() if self._is_list(address))
            events = next((one for one in found if one), ())
            if events:
                return events
        return ()

    def _descriptors(self, items: int) -> tuple[int, ...]:
        try:
            found = [self.descriptor(one) for one in self._objects.items(items)[:MOST_ASKED]]
        except Misread:
            return ()
        return tuple(fd for fd in found if fd is not None)

    def descriptor(self, address: int, *, is_inner: bool = False) -> int | None:
        """The descriptor of a number, a socket, a file, or of an object that holds one; None where it has none."""
        try:
            if self._objects.classes.of(address).flags & INT:
                value = self._objects.value(address)
                return value if isinstance(value, int) and 0 <= value < MOST_DESCRIPTOR else None
            if {"_socket.socket", "_io.FileIO"} & set(self._objects.type_names(address)):
                fd = self._interpreter.reader.int32(address + HEAD_BYTES)
                return fd if fd >= 0 else None
            return None if is_inner else self._inner_descriptor(address)
        except Misread:
            return None

    def _inner_descriptor(self, address: int) -> int | None:
        held = self._objects.attributes(address)
        named = [held[name] for name in NUMBERED if name in held]
        others = [one for one in held.values() if not self._objects.classes.of(one).flags & INT]
        found = (self.descriptor(one, is_inner=True) for one in (*named, *others))
        return next((fd for fd in found if fd is not None), None)

    def registration(self, tid: int, fd: int) -> Registration | None:
        """What the selector of a thread keeps for a descriptor; None where that cannot be read or is not there."""
        try:
            registry = self._attribute(self.selectors.get(tid, 0), "_fd_to_key")
            keys = self._objects.pairs(registry) if registry else ()
            key = next((value for number, value in keys if self._objects.value(number) == fd), None)
            return self._describe(tid, fd, self._objects.items(key)) if key else None
        except Misread:
            return None

    def _describe(self, tid: int, fd: int, key: Sequence[int]) -> Registration:
        events, data = self._objects.value(key[2]), key[3]
        reader = writer = None
        if self._objects.type_name(data) == "tuple":
            handles = self._objects.items(data)
            reader, writer = (self._handle(one) for one in handles) if len(handles) == 2 else (None, None)  # noqa: PLR2004
        elif self._kind(data) in {"function", "method", "functools.partial"}:
            reader = writer = Handler(self._objects.function(data).frame)
        return Registration(tid, fd, _kernel_mask(events if isinstance(events, int) else 0), reader, writer)

    def _handle(self, address: int) -> Handler | None:
        callback = self._attribute(address, "_callback") if self._kind(address) != "NoneType" else None
        return Handler(self._objects.function(callback).frame, address) if callback else None

    def _locals(self, raw: RawFrame) -> dict[str, int]:
        try:
            return self._interpreter.locals(raw)
        except Misread:
            return {}

    def _some_locals(self, raw: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        try:
            return self._interpreter.some_locals(raw, names)
        except Misread:
            return {}

    def _attribute(self, address: int, name: str) -> int | None:
        try:
            return self._objects.attribute(address, name) if address else None
        except Misread:
            return None

    def _kind(self, address: int) -> str:
        try:
            return self._objects.type_name(address) if address else ""
        except Misread:
            return ""

    def _is_list(self, address: int) -> bool:
        try:
            return bool(address) and bool(self._objects.classes.of(address).flags & LIST)
        except Misread:
            return False

    def _called(self, address: int) -> tuple[str, int | None] | None:
        try:
            found = self._objects.function(address)
        except Misread:
            return None
        return found.frame.function, found.holder


def places(frames: Sequence[RawFrame]) -> tuple[int | None, int | None]:
    """Where the innermost call of a selector and the innermost turn of a loop are."""
    select = turn = None
    for depth, raw in enumerate(frames):
        if not raw.frame.function.endswith(MADE_BY):
            continue
        if select is None and is_select(raw):
            select = depth
        elif turn is None and is_turn(raw):
            turn = depth
    return select, turn


def is_select(raw: RawFrame) -> bool:
    """Whether a frame is `select` of one of the standard library's selectors."""
    return raw.frame.function.endswith("select") and raw.frame.file.endswith(SELECTOR_FILE)


def is_turn(raw: RawFrame) -> bool:
    """Whether a frame is one turn of the standard library's event loop."""
    return raw.frame.function.endswith("_run_once") and raw.frame.file.endswith(TURN_FILE)


def _is_key_and_mask(pair: object) -> TypeGuard[tuple[tuple[object, ...], int]]:
    if not isinstance(pair, tuple) or len(pair) != 2:  # noqa: PLR2004
        return False
    return isinstance(pair[0], tuple) and len(pair[0]) > 1 and isinstance(pair[1], int)


def _kernel_mask(mask: int) -> int:
    return (READABLE & 1 if mask & READ else 0) | (WRITABLE & 4 if mask & WRITE else 0)


def _events(pairs: Iterable[object]) -> tuple[tuple[int, int], ...]:
    found = [one for one in pairs if isinstance(one, tuple) and len(one) == 2 and all(type(n) is int for n in one)]  # noqa: PLR2004
    sound = [one for one in found if 0 <= one[0] < MOST_DESCRIPTOR and 0 < one[1] < 1 << 16]
    return tuple(sound)
