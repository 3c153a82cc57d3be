"""Hubs of greenlets: an event loop that is no loop of asyncio, and runs each of its callbacks on a stack of its own.

A greenlet's stack does not begin where its thread began: the first function on it is the greenlet's. In the main thread
of a Python program, which begins in a module, nothing else brings that about but an exit handler. Where the process has
an epoll as well, there is a hub that waits in it, and as long as a greenlet is on the thread's stack the hub does not
run. The hub's own stack begins in the `run` of an object that is a greenlet or keeps one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import DoctorError, Misread
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import EPOLL_WAITS, LoopLook, SystemCall, ThreadLook
from spindoctor.model.tasks import HUB
from spindoctor.probe.descriptors import find_descriptors
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.libev import TurnClock, turn_clock
from spindoctor.probe.libuv import FIELDS_AT
from spindoctor.probe.proc import read_link

MODULE = "greenlet"
KIND = "greenlet.greenlet"
PYTHON = re.compile(r"/(python|pypy)[\d.]*[a-z]*( \(deleted\))?$")
BEGINNINGS = frozenset({"<module>", "_run_module_as_main", "run_path", "_bootstrap", "Thread._bootstrap"})
EXITS = re.compile(r"/(threading|weakref|atexit)\.py$|/(concurrent/futures|multiprocessing|logging)/[^/]+\.py$")
"""Files with functions that the interpreter itself calls at its end."""

EPOLL = "anon_inode:[eventpoll]"
LOOP = re.compile(r"loop$", re.IGNORECASE)
MOST_FIELDS = 16
"""Fields of a hub that are looked through for its loop: those of its base types, written in C, come first."""

WAITS = EPOLL_WAITS | {"poll", "ppoll", "select", "pselect6"}


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub: its thread by kernel id, and the greenlet that it runs in."""

    tid: int
    greenlet: int


def may_have_hub(interpreter: Interpreter) -> bool:
    """Whether this process has what greenlets and a hub need: the module, a program of Python's own, and an epoll."""
    try:
        if interpreter.module(MODULE) is None or not PYTHON.search(read_link(f"/proc/{interpreter.pid}/exe")):
            return False
        links = [read_link(f"/proc/{interpreter.pid}/fd/{fd}") for fd in find_descriptors(interpreter.pid)]
    except (Misread, DoctorError):
        return False
    return EPOLL in links


class HubWatch:
    """Looks at the hub that may run in the main thread of one process."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Nothing is known of it yet."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._tid = interpreter.pid
        self.may_be = False
        self._is_seen = False
        self._greenlet = 0
        self._beginnings: set[int] = set()
        self._clock: TurnClock | None = None
        self._last: tuple[RawStack | None, SystemCall | None, LoopLook | None] = (None, None, None)

    def follow(self, *, is_free: bool) -> None:
        """Find out whether there can be a hub; `is_free`: the thread runs no loop of asyncio."""
        self.may_be = is_free and may_have_hub(self._interpreter)

    def looks(self, stacks: Mapping[int, RawStack], looks: Mapping[int, ThreadLook]) -> list[LoopLook]:
        """Where the hub stands in this look; nothing where there is none.

        Up to 3.11 a stack that begins in a new place does not count as complete; that of a thread that slept all the
        while it was read is, and one that begins where the hub does, or where a complete one has begun.
        """
        stack, look = stacks.get(self._tid), looks.get(self._tid)
        if not self.may_be or stack is None or look is None or not stack.frames:
            return []
        if stack.is_complete:
            self._beginnings.add(stack.frames[-1].code)
        if not stack.is_complete and look.call is None and not self._begins(stack.frames[-1]):
            return []
        if self._last[:2] != (stack, look.call):
            self._last = (stack, look.call, self._look(stack.frames, look.call))
        found = self._last[2]
        return [replace(found, turn=self._clock.turn()) if self._clock else found] if found else []

    def _begins(self, bottom: RawFrame) -> bool:
        return bottom.code in self._beginnings or hub_of(self._interpreter, bottom) is not None

    @property
    def hub(self) -> Hub | None:
        """The hub, once it has been seen."""
        return Hub(self._tid, self._greenlet) if self._greenlet else None

    def with_hub(self, use: ThreadUse) -> ThreadUse | None:
        """The thread's use with its hub as its loop; None for a thread without."""
        is_mine = use.tid == self._tid and self._is_seen
        return replace(use, loop=self._tid, loop_type=HUB) if is_mine else None

    def _look(self, frames: Sequence[RawFrame], call: SystemCall | None) -> LoopLook | None:
        """None where neither the hub nor a greenlet is on the stack, and none has been seen."""
        bottom = frames[-1]
        hub = hub_of(self._interpreter, bottom)
        if hub:
            if not self._greenlet:
                self._clock = self._find_clock(hub)
            self._is_seen = True
            self._greenlet = self._greenlet or greenlet_of(self._interpreter, hub)
            return self._look_at_hub(frames[:-1], hub, call)
        self._is_seen = self._is_seen or not is_beginning(bottom)
        return self._inside(frames) if self._is_seen else None

    def _find_clock(self, hub: int) -> TurnClock | None:
        """The clock of the hub's event loop, which is among its fields, where that is one of libev's."""
        reader = self._interpreter.reader
        try:
            held = reader.words(hub + FIELDS_AT, MOST_FIELDS)
        except Misread:
            return None
        clocks = (turn_clock(reader, one) for one in dict.fromkeys(held) if self._is_loop(one))
        return next((clock for clock in clocks if clock), None)

    def _is_loop(self, address: int) -> bool:
        """Whether there is an object whose type says that it is a loop."""
        with suppress(Misread):
            return bool(address) and LOOP.search(self._objects.type_name(address)) is not None
        return False

    def _look_at_hub(self, above: Sequence[RawFrame], hub: int, call: SystemCall | None) -> LoopLook:
        """A look at the hub's own stack: functions of the hub itself are its machinery, others a callback's."""
        depth = len(above)
        while depth and _self(self._interpreter, above[depth - 1]) == hub:
            depth -= 1
        if call is not None and call.name in WAITS:
            return LoopLook(self._tid, self._tid, polls=True)
        return self._inside(above[:depth]) if depth else LoopLook(self._tid, self._tid)

    def _inside(self, frames: Sequence[RawFrame]) -> LoopLook:
        return LoopLook(self._tid, self._tid, callback=self._mark(frames), depth=len(frames))

    def _mark(self, frames: Sequence[RawFrame]) -> int:
        """A number for the run of one greenlet: stacks are used again, what their first functions hold is not."""
        held: list[int] = []
        for raw in frames[-3:]:
            try:
                held.extend(self._interpreter.locals(raw).values())
            except Misread:
                continue
        return hash((frames[-1].address, *held[:12])) & (1 << 62) - 1


def hub_of(interpreter: Interpreter, bottom: RawFrame) -> int | None:
    """The object whose `run` a stack begins with, if it is or has a greenlet."""
    if bottom.frame.function.rpartition(".")[2] != "run":
        return None
    holder = _self(interpreter, bottom)
    return holder if holder and greenlet_of(interpreter, holder) else None


def greenlet_of(interpreter: Interpreter, holder: int) -> int:
    """The greenlet that an object is or has among its attributes; 0 where there is none."""
    objects = interpreter.objects
    try:
        if KIND in objects.type_names(holder):
            return holder
        return next((one for one in objects.attributes(holder).values() if KIND in objects.type_names(one)), 0)
    except Misread:
        return 0


def _self(interpreter: Interpreter, raw: RawFrame) -> int | None:
    try:
        return interpreter.locals(raw).get("self")
    except Misread:
        return None


def is_beginning(raw: RawFrame) -> bool:
    """Whether a frame begins a thread, or what the interpreter calls at its end: no greenlet's own stack."""
    return raw.frame.function in BEGINNINGS or bool(EXITS.search(raw.frame.file))
