"""Many looks in one call of the compiled engine: what it gathered is decoded while the caches are warm.

The engine makes the looks that are plain. One that is not it gives back as it stands, at once: code that is new, and
variables and tasks that may tell of a request, are read here as in every other look. Where threads have come or gone,
or memory has, it leaves the whole look to Python.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spindoctor.cpython.codes import CELL, FREE, HIDDEN, SHIM
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import IDLE, RawStack
from spindoctor.errors import Gone, Misread
from spindoctor.model.frames import Stack
from spindoctor.model.sample import TORN, LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.probe import errands, requests
from spindoctor.probe.engine import engine_of
from spindoctor.probe.interpreter import Gil, Interpreter
from spindoctor.probe.last_look import LastLook
from spindoctor.probe.loops import LoopWatch, is_select
from spindoctor.probe.roster import Roster
from spindoctor.probe.runners import Runners
from spindoctor.probe.tasks import TaskReader
from spindoctor.probe.threads import ThreadCalls
from spindoctor.probe.waits import reason

if TYPE_CHECKING:
    from spindoctor.probe.watcher import ProcessWatch

MOST_LOOKS = 50
MOST_KEPT = 1 << 12
MOST_TOLD = 1 << 14
"""Code objects that the engine is told of before both begin anew: it has room for four times as many."""

COMPLETE, MISREAD, ASKS, HAS_STATE = 1, 2, 4, 8
ASKING, UNABLE, GONE = 2, 3, 4
"""How a batch may end: something is to be read at once, or Python must make the next look itself."""

KINDS = (*requests.NAMES, "work_item", "future")
FUTURE = KINDS.index("future")
HANDLER = len(KINDS)
"""The `self` of a method that may be a request handler's: it is always asked."""

TASK = 255
"""No variable, but a task that may be awaited by one that has a request."""

WORDS_A_FRAME, WORD = 4, 8


class Pace(NamedTuple):
    """When looks are made: `step_s` apart since `start_s` on the monotonic clock, for `until_s`."""

    start_s: float
    step_s: float
    until_s: float


class Ahead(NamedTuple):
    """What a batch did: the number of its last look, how many it made, how many of these came too late.

    `is_unable`: Python must make the look with this number itself.
    """

    number: int
    made: int
    late: int
    is_unable: bool


class Parts(NamedTuple):
    """The parts of a watch that both kinds of looks share."""

    runners: Runners
    roster: Roster
    last: LastLook
    calls: ThreadCalls
    tasks: TaskReader


class _Decoded(NamedTuple):
    raw: RawStack
    stack: Stack
    instruction: int | None
    is_misread: bool = False


_NOTHING = _Decoded(IDLE, (), None)


@dataclass(slots=True)
class _Placed:
    """A loop's stack in one look: its words, its wait as text, and whether more is to be read of it."""

    block: bytes
    text: bytes
    decoded: _Decoded
    call: SystemCall | None
    is_asking: bool


class Batches:
    """Looks at one process in batches; the looks go where `ProcessWatch` puts its own."""

    def __init__(self, interpreter: Interpreter, parts: Parts, *, asks_routes: bool) -> None:
        """Nothing is loaded yet, nor is it asked whether there is an engine."""
        self._interpreter = interpreter
        self._parts = parts
        self._asks_routes = asks_routes
        self._engine: Any = None
        self._made_for: bool | None = None
        self._is_loaded = False
        self._loops: Mapping[int, LoopWatch] = {}
        self._last_holder = 0
        self._gil = Gil(0, False, 0, 0, 0)  # noqa: FBT003
        self._forget()

    def _forget(self) -> None:
        self._generation = self._interpreter.generation
        self._told: set[int] = set()
        self._decoded: dict[tuple[bytes, bool], _Decoded] = {}
        self._loop_looks: dict[tuple[int, bytes, bytes, int], LoopLook | None] = {}
        if self._engine:
            self._engine.forget()

    def run(
        self, watch: ProcessWatch, loops: Mapping[int, LoopWatch], pace: Pace, number: int, most: int
    ) -> Ahead | None:
        """Make at most so many looks, the first of them with this number; None where Python must make it.

        `loops` are those that run, by thread.
        """
        try:
            if not self._is_able(loops):
                return None
            if not self._is_loaded:
                self._load()
            return self._run(watch, pace, number, most)
        except Misread as misread:
            watch.missed[reason(misread)] += 1
        except Gone:
            pass  # the next look finds what became of it
        self._unload()
        return None

    def _is_able(self, loops: Mapping[int, LoopWatch]) -> bool:
        """Whether there is an engine that can make the next looks; where tasks lie shows once a loop runs."""
        if self._made_for != bool(loops):
            self._unload()
            self._engine = None  # one that was made without a loop must not go on where this cannot be read now
            self._gil = self._interpreter.gil()
            is_coarse = self._parts.runners.is_coarse
            self._engine = None if is_coarse else engine_of(self._interpreter, asks_awaiters=self._asks_routes)
            self._forget()
            self._made_for = bool(loops)
        self._loops = loops
        return bool(self._engine) and all(loop.is_standard for loop in loops.values())

    def _run(self, watch: ProcessWatch, pace: Pace, number: int, most: int) -> Ahead:
        told = self._engine.run(*pace, number, min(most, MOST_LOOKS), self._last_holder, self._generation)
        status, number, made, late, looks, words, opened = told
        self._parts.runners.moves += sum(bool(look[5]) for look in looks)
        if looks:
            self._last_holder = looks[-1][1]
        for place, look in enumerate(looks, 1):
            is_asking = status == ASKING and place == made
            watch.samples.append(self._sample(watch, look, words, is_asking=is_asking))
        if status == ASKING:
            self._settle([one for one in opened if one[0] == made - 1], watch.samples[-1])
        if status in {UNABLE, GONE}:
            self._unload()
        return Ahead(number, made, late, status in {UNABLE, GONE})

    def _load(self) -> None:
        if self._generation != self._interpreter.generation:
            self._forget()
        states, loops, runners = self._parts.roster.states, self._loops, self._parts.runners
        threads = [
            (tid, states.get(tid, 0), *told, loops[tid].loop if tid in loops and tid in states else 0)
            for tid, told in runners.hand_over().items()
        ]
        self._engine.load(threads, *runners.when())
        self._is_loaded = True

    def _unload(self) -> None:
        """Give back what is known of the threads: Python goes on with it."""
        if not self._is_loaded:
            return
        threads, *when = self._engine.state()
        self._parts.runners.take_over({tid: tuple(told) for tid, *told in threads}, *when)
        self._is_loaded = False

    # what was gathered

    def _sample(self, watch: ProcessWatch, look: Any, words: bytes, *, is_asking: bool) -> Sample:  # noqa: ANN401 - as the engine gives it
        """One look, put where those of Python's own are."""
        at_s, last_holder, switches, is_locked, is_collecting, seen, tasks = look
        gil = self._gil._replace(holder=last_holder if is_locked else 0, last_holder=last_holder)
        last, loops = self._parts.last, self._loops
        fresh: dict[int, ThreadLook] = {}
        placed: dict[int, _Placed] = {}
        for tid, ran_ns, text, place, count, flags in seen:
            block = words[WORD * place : WORD * (place + WORDS_A_FRAME * count)]
            decoded = self._decode(block, is_complete=bool(flags & COMPLETE)) if flags & HAS_STATE else _NOTHING
            call = self._parts.calls.parse(text) if text else None
            is_asked = is_asking and bool(flags & ASKS)
            if is_asked:
                self._learn(decoded.raw)
            if flags & MISREAD or decoded.is_misread:
                watch.missed[TORN] += 1
            last.keep(tid, decoded.raw)
            fresh[tid] = self._thread_look(tid, ran_ns, decoded, call, gil)
            if tid in loops:
                placed[tid] = _Placed(block, text, decoded, call, is_asked)
        last.fresh = fresh
        last.looks |= fresh
        watch.settle(fresh, gil)
        found = [self._loop(watch, tid, placed.get(tid), task) for tid, task in tasks if tid in last.looks]
        there = tuple([one for one in found if one])
        sample = Sample(at_s, tuple(last.looks.values()), there, is_collecting, switches)
        return self._with_requests(watch, sample, tasks) if is_asking and self._asks_routes else sample

    def _with_requests(self, watch: ProcessWatch, sample: Sample, tasks: Sequence[tuple[int, int]]) -> Sample:
        """The look with its requests; a task that has none is asked again a moment later."""
        sample = watch.with_requests(sample)
        for tid, task in tasks:
            if task and tid in self._parts.last.looks and self._parts.last.looks[tid].route is None:
                self._engine.quiet(0, TASK, 0, task)
        return sample

    def _thread_look(self, tid: int, ran_ns: int, decoded: _Decoded, call: SystemCall | None, gil: Gil) -> ThreadLook:
        is_futex = call is not None and call.name == "futex" and bool(call.arguments)
        return ThreadLook(
            tid,
            decoded.stack,
            ran_ns,
            call,
            waits_for_gil=is_futex and call is not None and gil.contains(call.arguments[0]),
            has_gil=bool(gil.holder) and gil.holder == self._parts.roster.states.get(tid),
            is_complete=decoded.raw.is_complete,
            instruction=decoded.instruction,
        )

    def _decode(self, block: bytes, *, is_complete: bool) -> _Decoded:
        """The stack of which these are the words, four for each frame."""
        found = self._decoded.get((block, is_complete))
        if found is None:
            if len(self._decoded) >= MOST_KEPT:
                self._decoded.clear()
                self._loop_looks.clear()
            found = self._decoded[block, is_complete] = self._decode_anew(block, is_complete=is_complete)
        return found

    def _decode_anew(self, block: bytes, *, is_complete: bool) -> _Decoded:
        frames: list[RawFrame] = []
        is_misread = False
        frame = self._interpreter.objects.codes.frame
        for address, code, instruction, owner in struct.iter_unpack("<QQqQ", block):
            try:
                found = frame(code, instruction)
            except Misread:
                is_complete, is_misread = False, not frames
                break
            if found.file != SHIM:
                frames.append(RawFrame(found, address, code, instruction, owner))
        raw = RawStack(tuple(frames), is_complete)
        return _Decoded(
            raw, tuple([one.frame for one in frames]), frames[0].instruction if frames else None, is_misread
        )

    # loops

    def _loop(self, watch: ProcessWatch, tid: int, placed: _Placed | None, task: int) -> LoopLook | None:
        """Where a loop stands; where more is to be read of its stack, as in a look of Python's own."""
        if placed is None or placed.is_asking:
            found = watch.loop_look(tid, is_fresh=placed is not None)
        else:
            found = self._loop_look(tid, placed, task)
            if found is None:
                if placed.decoded.raw.is_complete:
                    watch.missed[TORN] += 1
                return None
            self._parts.last.loop_looks[tid] = found
        return found

    def _loop_look(self, tid: int, placed: _Placed, task: int) -> LoopLook | None:
        """The same for the same stack, call and task."""
        if not placed.decoded.raw.is_complete:
            return None
        key = (tid, placed.block, placed.text, task)
        if key not in self._loop_looks:
            if len(self._loop_looks) >= MOST_KEPT:
                self._loop_looks.clear()
            frames = placed.decoded.raw.frames
            self._loop_looks[key] = self._loops[tid].place(task or None, frames, placed.call, is_brief=True)
        return self._loop_looks[key]

    # for whom frames work

    def _learn(self, raw: RawStack) -> None:
        """Tell the engine of the functions on a stack that it has not been told of."""
        if len(self._told) >= MOST_TOLD:
            self._forget()  # before the engine does, which would leave us in the belief that it knows
        for frame in raw.frames:
            if frame.code not in self._told:
                self._tell(frame)

    def _tell(self, raw: RawFrame) -> None:
        """Tell the engine where the function keeps variables that may tell of a request."""
        try:
            slots = self._interpreter.objects.codes.slots(raw.code, KINDS) if self._asks_routes else ()
        except Misread:
            return
        is_handler = raw.frame.function.rpartition(".")[2].startswith(requests.HANDLES)
        variables = tuple(
            (slot, HANDLER if is_handler and name == "self" else KINDS.index(name), bool(kind & (CELL | FREE)))
            for slot, name, kind in slots
            if not kind & HIDDEN
        )
        with suppress(ValueError):  # more variables than it can keep: Python asks in every look
            self._engine.tell(raw.code, is_select(raw), raw.frame.file == SHIM, variables)
            self._told.add(raw.code)

    def _settle(self, opened: Sequence[tuple[int, int, int, int, int, int]], sample: Sample) -> None:
        """Tell the engine which variables have turned out to tell nothing of a request.

        Who awaits a future may change: one that nobody with a request awaits is asked again a moment later.
        """
        working = {look.tid for look in sample.threads if look.route}
        for _, tid, type_, value, kind, is_outer in opened:
            try:
                is_quiet = self._is_quiet(type_, kind, is_outer=bool(is_outer))
            except Misread:
                continue
            if is_quiet:
                self._engine.quiet(type_, kind, is_outer, 0)
            elif kind == FUTURE and tid not in working:
                self._engine.quiet(type_, kind, is_outer, value)

    def _is_quiet(self, type_: int, kind: int, *, is_outer: bool) -> bool:
        """Whether no value of this type tells of a request where it is called so; `is_outer` as in `errands`."""
        if kind == HANDLER:
            return False
        name = KINDS[kind]
        if name in requests.DICTS:
            return self._interpreter.objects.classes.at(type_).name != "dict"
        if name == "self":
            return self._parts.tasks.is_barren(type_, of_errands=is_outer)
        if name in errands.HOLDERS and not is_outer:
            return True
        if name == "work_item":
            return self._parts.tasks.is_barren(type_, of_requests=False, of_errands=True)
        return self._interpreter.objects.classes.at(type_).name == "NoneType"
