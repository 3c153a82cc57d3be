"""Where an event loop stands at one look: in its selector, in its own machinery, or inside a callback.

The standard loop is written in Python: its `_run_once` takes one turn and keeps the turn's end time and the handle that
runs in local variables (Lib/asyncio/base_events.py). A loop written in C (uvloop) shows no frame of its own; its
callbacks begin above the function that started it, and libuv's count tells one turn from the next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.sample import EPOLL_WAITS, LoopLook, Sample, SystemCall
from spindoctor.probe import libuv
from spindoctor.probe.interpreter import Interpreter

TURN_FILE = "asyncio/base_events.py"
HANDLE_FILE = "asyncio/events.py"
TASK_FILE = "asyncio/tasks.py"
STARTER_FILE = "asyncio/runners.py"
SELECTOR_FILE = "/selectors.py"
TURN_VARIABLES = ("end_time", "handle")
NO_LIMIT_S = -1.0
OBJECT_HEAD_BYTES = 16
"""Reference count and type, on builds with a GIL (Include/object.h)."""


class LoopWatch:
    """Looks at one event loop that runs in one thread."""

    def __init__(self, interpreter: Interpreter, tid: int, loop: int, thread: int) -> None:
        """`loop` is the address of the loop object, `thread` that of the state of the thread that runs it."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self.tid = tid
        self.loop = loop
        self.thread = thread
        self.type_name = self._objects.type_name(loop)
        self._ready = self._attribute("_ready")
        self._clock = libuv.turn_clock(interpreter.reader, loop) if self._ready is None else None
        self._queue = libuv.queue(self._objects, interpreter.reader, loop) if self._clock else self._ready
        self._starter: int | None = None
        self._moved = 0
        self._turn_code = 0

    @property
    def is_standard(self) -> bool:
        """Whether it is asyncio's own loop, all of whose turns show on the stack."""
        return self._ready is not None

    def _attribute(self, name: str) -> int | None:
        try:
            return self._objects.attributes(self.loop).get(name)
        except Misread:
            return None

    def look(
        self, frames: Sequence[RawFrame], call: SystemCall | None = None, *, is_brief: bool = False
    ) -> LoopLook | None:
        """Where the loop stands, given its thread's stack (innermost first) and the system call that it sleeps in.

        The thread runs on while its locals are read. Where they have changed by then, the loop has moved on:
        such a look counts as a turn of its own. None for a stack of the standard loop that does not reach down to it.
        With `is_brief` neither turn and callback inside of one nor the queue are read.
        """
        return self.place(self._current_task(), frames, call, is_brief=is_brief)

    def place(
        self, task: int | None, frames: Sequence[RawFrame], call: SystemCall | None, *, is_brief: bool
    ) -> LoopLook | None:
        """The same with the task that it runs, where that is known."""
        turn = self._find_turn(frames)
        if turn is None:
            is_cut = self._ready is not None and not any(_is_forever(raw) for raw in frames)
            return None if is_cut else self._look_at_c_loop(frames, task, call)
        if turn == 0 or not _is_handle_run(frames[turn - 1]):
            return self._outside(frames[:turn], task, is_brief=is_brief)
        depth = turn - 1
        if is_brief:
            return LoopLook(self.tid, self.loop, task, depth=depth)
        mine = self._locals(frames[turn], TURN_VARIABLES)
        return LoopLook(
            tid=self.tid,
            loop=self.loop,
            task=task,
            ready=self._queued(),
            turn=self._turn(mine.get("end_time")),
            callback=mine.get("handle"),
            holder=self._holder(frames[:depth]),
            depth=depth,
        )

    def _find_turn(self, frames: Sequence[RawFrame]) -> int | None:
        """Where in the stack the loop takes its turn: mostly a frame of the same code object as the last time."""
        for index, raw in enumerate(frames):
            if raw.code == self._turn_code and _is_turn(raw):
                return index
        found = next((index for index, raw in enumerate(frames) if _is_turn(raw)), None)
        if found is not None:
            self._turn_code = frames[found].code
        return found

    def _current_task(self) -> int | None:
        try:
            return self._interpreter.current_task(self.loop, self.thread)
        except Misread:
            return None

    def _queued(self) -> int | None:
        try:
            return self._objects.length(self._ready) if self._ready else None
        except Misread:
            return None

    def _locals(self, raw: RawFrame, names: tuple[str, ...]) -> dict[str, int]:
        """Some of the frame's variables; none where another function runs in it by now."""
        try:
            return self._interpreter.some_locals(raw, names)
        except Misread:
            return {}

    def _turn(self, end_time: int | None) -> float:
        """What is the same within one turn: its end time, or a number of its own where that has changed meanwhile."""
        try:
            if end_time and self._objects.type_name(end_time) == "float":
                return self._objects.numbers.real(end_time)
        except Misread:
            pass
        self._moved += 1
        return float(-self._moved)

    def _outside(self, inner: Sequence[RawFrame], task: int | None, *, is_brief: bool) -> LoopLook:
        """A look at a loop between callbacks; `inner` are the frames that `_run_once` has called."""
        selects = next((raw for raw in inner if is_select(raw)), None)
        timeout = self._timeout(selects) if selects else None
        ready = None if is_brief else self._queued()
        return LoopLook(self.tid, self.loop, task, polls=selects is not None, poll_timeout_s=timeout, ready=ready)

    def _timeout(self, select: RawFrame) -> float | None:
        given = self._locals(select, ("timeout",)).get("timeout")
        if given is None:
            return None
        try:
            value = self._objects.value(given)
        except Misread:
            return None
        if value is None:
            return NO_LIMIT_S
        return float(value) if isinstance(value, int | float) else None

    def _look_at_c_loop(self, frames: Sequence[RawFrame], task: int | None, call: SystemCall | None) -> LoopLook:
        """A look at a loop no turn of which shows: one written in C, or the standard one between two turns.

        A loop written in C that sleeps in an epoll is in its selector: no function of Python's waits there without one
        of its own on the stack (`select`), and what is on the stack then is what started the loop.
        """
        if call is not None and call.name in EPOLL_WAITS and not any(is_select(raw) for raw in frames):
            self._starter = frames[0].address if frames and self._ready is None else self._starter
            return LoopLook(self.tid, self.loop, task, polls=True)
        depth = self._start_of_callbacks(frames, task) if self._ready is None else 0
        if not depth:
            return LoopLook(self.tid, self.loop, task)
        outermost = frames[depth - 1]
        holder = self._holder(frames[:depth])
        turn = self._clock.turn() if self._clock else None
        return LoopLook(
            self.tid,
            self.loop,
            task,
            turn=None if turn is None else float(turn),
            callback=outermost.address,
            holder=holder,
            depth=depth,
        )

    def _start_of_callbacks(self, frames: Sequence[RawFrame], task: int | None) -> int:
        """How many frames lie above the function that started a loop of which no frame shows."""
        if self._starter is None:
            self._starter = self._find_starter(frames) or self._beneath(task, frames)
        return next((index for index, raw in enumerate(frames) if raw.address == self._starter), 0)

    def _find_starter(self, frames: Sequence[RawFrame]) -> int | None:
        """The function that called the loop's `run_forever`.

        That of `asyncio.run`, else the innermost of an unbroken row of functions with the loop in a local variable.
        """
        runner = next((raw.address for raw in frames if raw.frame.file.endswith(STARTER_FILE)), None)
        if runner is not None:
            return runner
        knows = [self._knows_loop(raw) for raw in reversed(frames)]
        if True not in knows:
            return None
        last = next((index for index in range(knows.index(True), len(knows)) if not knows[index]), len(knows)) - 1
        return frames[len(frames) - 1 - last].address

    def _beneath(self, task: int | None, frames: Sequence[RawFrame]) -> int | None:
        """The function beneath a running task: C code that it called runs the loop, and no variable may tell of it."""
        try:
            coroutine = self._interpreter.task(task).coroutine if task else None
            chain = self._interpreter.coroutine_chain(coroutine).frames if coroutine else ()
        except Misread:
            return None
        places = [raw.address for raw in frames]
        at = next((places.index(raw.address) for raw in chain[:1] if raw.address in places), len(places))
        beneath = frames[at + 1 : at + 2]
        return next((raw.address for raw in beneath if not raw.frame.file.endswith(TASK_FILE)), None)

    def _knows_loop(self, raw: RawFrame) -> bool:
        try:
            return self.loop in self._interpreter.locals(raw).values()
        except Misread:
            return False

    def _holder(self, callback: Sequence[RawFrame]) -> int | None:
        """The `self` of the function that the loop called."""
        return self._locals(callback[-1], ("self",)).get("self") if callback else None

    def epoll_fd(self) -> int | None:
        """The descriptor of the loop's epoll; None where its selector is another one or cannot be read.

        `select.epoll` keeps it right behind the object's head (Modules/selectmodule.c, `pyEpoll_Object`).
        """
        try:
            selector = self._objects.attribute(self.loop, "_selector", "_selector")
            if selector is None or self._objects.type_name(selector) != "select.epoll":
                return None
            return self._interpreter.reader.int32(selector + OBJECT_HEAD_BYTES)
        except Misread:
            return None

    def ready_handles(self, most: int) -> tuple[int, ...]:
        """The first handles in the queue of callbacks that are ready to run; none where it cannot be read."""
        try:
            return self._objects.items(self._queue)[:most] if self._queue else ()
        except Misread:
            return ()

    def callable_of(self, handle: int) -> int | None:
        """What a handle in the queue will call; None where that cannot be told.

        Raises:
            Misread: the handle cannot be read.
        """
        if self._clock:
            return libuv.queued_callable(self._objects, self._interpreter.reader, handle)
        return self._objects.attributes(handle).get("_callback")

    def overdue_s(self, now_s: float) -> float | None:
        """How late the first timer is (`now_s` on CLOCK_MONOTONIC); None without timers or where it cannot be read."""
        timers = self._attribute("_scheduled")
        if timers is None:
            return None
        try:
            first = self._objects.items(timers)[0]
            when = self._objects.value(self._objects.attributes(first)["_when"])
        except (Misread, LookupError):
            return None
        return now_s - when if isinstance(when, float) else None


def with_overdue(sample: Sample, loops: Mapping[int, LoopWatch]) -> Sample:
    """The look with how late the first timer of each loop is now."""
    now_s = time.monotonic()
    late = {tid: late_s for tid, loop in loops.items() if (late_s := loop.overdue_s(now_s)) is not None}
    if not late:
        return sample
    return replace(
        sample, loops=tuple(replace(one, overdue_s=late.get(one.tid, one.overdue_s)) for one in sample.loops)
    )


def _is_turn(raw: RawFrame) -> bool:
    return raw.frame.function.endswith("_run_once") and raw.frame.file.endswith(TURN_FILE)


def _is_forever(raw: RawFrame) -> bool:
    return raw.frame.function.endswith("run_forever") and raw.frame.file.endswith(TURN_FILE)


def _is_handle_run(raw: RawFrame) -> bool:
    return raw.frame.function.endswith("_run") and raw.frame.file.endswith(HANDLE_FILE)


def is_select(raw: RawFrame) -> bool:
    """Whether this is the function in which a loop of Python's own waits."""
    return raw.frame.function.endswith("select") and raw.frame.file.endswith(SELECTOR_FILE)
