"""Event loops written in Python that keep their tasks in an object of their own, such as Trio's `Runner`.

The function that goes round has that object in a variable: it has a set of all tasks, each with the coroutine that it
runs, and a queue of those that run next. From the function that goes round on inwards a stack is a task's step, unless
what it called is a method of that object again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.errors import Misread
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import EPOLL_WAITS, LoopLook, SystemCall, ThreadLook
from spindoctor.model.tasks import KEPT
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.reactors import NO_HOLDERS

MODULE = "trio"
"""Where it is not imported nothing is looked for; that it is says little: others import it in case it is needed."""

COROUTINE = "coro"
"""The attribute by which a task has its coroutine."""

MOST_FRAMES, MOST_OBJECTS = 12, 100
"""The function that goes round is near the bottom of the stack, and has few variables; some milliseconds, once."""

MOST_TRIES, MOST_TRIES_OF_ALL = 5, 20
"""Looks at one thread, and at all of a process, that found none, after which nobody is asked again: a loop begins with
its thread's work, and of many threads hardly any runs one. Each may take a few milliseconds."""

MASK = (1 << 52) - 1
"""What a float holds exactly."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """The object that keeps the tasks of a thread's loop; `tasks` is its set, `queue` that of those that run next.

    `task_type` is the address of the type of its tasks.
    """

    tid: int
    address: int
    tasks: int
    queue: int
    task_type: int


def keeper_of(interpreter: Interpreter, tid: int, frames: Sequence[RawFrame]) -> Keeper | None:
    """The keeper that one of the outermost of these frames (innermost first) holds."""
    outermost = (raw for raw in frames[: -MOST_FRAMES - 1 : -1] if raw.frame.function != "<module>")
    seen: set[int] = set()
    for raw in outermost:
        for address in _variables(interpreter, raw).values():
            if address in seen or len(seen) >= MOST_OBJECTS:
                continue
            seen.add(address)
            found = _keeper_at(interpreter, tid, address)
            if found:
                return found
    return None


def _keeper_at(interpreter: Interpreter, tid: int, address: int) -> Keeper | None:
    objects = interpreter.objects
    try:
        if objects.type_name(address) in NO_HOLDERS:
            return None
        kinds = {one: objects.type_name(one) for one in objects.attributes(address).values()}
        queue = next((one for one, kind in kinds.items() if kind == "collections.deque"), 0)
        sets = [one for one, kind in kinds.items() if kind == "set"] if queue else []
        for tasks in sets:
            first = next(iter(objects.items(tasks)), 0)
            coroutine = objects.attributes(first).get(COROUTINE) if first else None
            if coroutine and objects.type_name(coroutine) == "coroutine":
                return Keeper(tid, address, tasks, queue, interpreter.reader.type_of(first))
    except Misread:
        return None
    return None


class KeeperWatch:
    """Looks at the loops of one process that keep their tasks in objects of their own.

    `steps` is what the slow look found: the task of a step by where its outermost coroutine's frame lies.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        """Nothing is known of them yet."""
        self._interpreter = interpreter
        self._free: tuple[int, ...] = ()
        self._tries: Counter[int] = Counter()
        self._keepers: dict[int, Keeper] = {}
        self._last: dict[int, tuple[RawStack, SystemCall | None, LoopLook | None]] = {}
        self.steps: Mapping[tuple[int, int], int] = {}

    def follow(self, free: Collection[int]) -> None:
        """Take note of which threads run no loop of asyncio: one of them may run another."""
        try:
            is_there = self._interpreter.module(MODULE) is not None
        except Misread:
            is_there = False
        self._free = tuple(sorted(free)) if is_there else ()
        self._last = {tid: known for tid, known in self._last.items() if tid in free}

    @property
    def keepers(self) -> tuple[Keeper, ...]:
        """Those found until now."""
        return tuple(self._keepers.values())

    def looks(self, stacks: Mapping[int, RawStack], looks: Mapping[int, ThreadLook]) -> list[LoopLook]:
        """Where each loop stands in this look; none of one that does not show on its thread's stack."""
        found = [self._look(tid, stacks[tid], looks[tid]) for tid in self._free if tid in stacks and tid in looks]
        return [one for one in found if one]

    def with_keeper(self, use: ThreadUse) -> ThreadUse | None:
        """The thread's use with its keeper as its loop; None for a thread without."""
        keeper = self._keepers.get(use.tid)
        return replace(use, loop=keeper.address, loop_type=KEPT) if keeper else None

    def _look(self, tid: int, stack: RawStack, look: ThreadLook) -> LoopLook | None:
        known = self._last.get(tid)
        if known and known[0] is stack and known[1] == look.call:
            return known[2]
        keeper = self._keeper(tid, stack.frames)
        found = self._place(keeper, stack.frames, look.call) if keeper else None
        self._last[tid] = (stack, look.call, found)
        return found

    def _keeper(self, tid: int, frames: Sequence[RawFrame]) -> Keeper | None:
        if tid not in self._keepers and frames and self._may_try(tid):
            self._tries[tid] += 1
            found = keeper_of(self._interpreter, tid, frames)
            self._keepers |= {tid: found} if found else {}
        return self._keepers.get(tid)

    def _may_try(self, tid: int) -> bool:
        return self._tries[tid] < MOST_TRIES and self._tries.total() < MOST_TRIES_OF_ALL

    def _place(self, keeper: Keeper, frames: Sequence[RawFrame], call: SystemCall | None) -> LoopLook | None:
        """In its selector, at its own work, or in a task's step."""
        turn = self._turn(keeper, frames)
        if turn is None:
            return None
        if call is not None and call.name in EPOLL_WAITS and not self._task(keeper, frames[:turn], {}):
            return LoopLook(keeper.tid, keeper.address, polls=True)
        held = _variables(self._interpreter, frames[turn])
        task = self._task(keeper, frames[:turn], held)
        if task is None:
            return LoopLook(keeper.tid, keeper.address, ready=self._queued(keeper))
        return LoopLook(
            keeper.tid,
            keeper.address,
            task,
            ready=self._queued(keeper),
            turn=self._clock(held),
            callback=task,
            depth=turn,
        )

    def _turn(self, keeper: Keeper, frames: Sequence[RawFrame]) -> int | None:
        """The innermost of the unbroken row of outer functions that have the keeper in a variable."""
        outermost_first = range(len(frames) - 1, max(-1, len(frames) - 1 - MOST_FRAMES), -1)
        holds = (number for number in outermost_first if self._holds(keeper, frames[number]))
        first = next(holds, None)
        if first is None:
            return None
        return first - 1 if first and self._holds(keeper, frames[first - 1]) else first

    def _holds(self, keeper: Keeper, raw: RawFrame) -> bool:
        held = _variables(self._interpreter, raw)
        return any(address == keeper.address for name, address in held.items() if name != "self")

    def _task(self, keeper: Keeper, inner: Sequence[RawFrame], held: Mapping[str, int]) -> int | None:
        """The task whose step these frames are, which the function that goes round has called."""
        if not inner:
            return None
        known = self.steps.get((inner[-1].address, inner[-1].code))
        if known or not held or keeper.address in _variables(self._interpreter, inner[-1]).values():
            return known
        return next((one for one in held.values() if self._is_task(keeper, one)), None)

    def _is_task(self, keeper: Keeper, address: int) -> bool:
        try:
            return self._interpreter.reader.type_of(address) == keeper.task_type
        except Misread:
            return False

    def _queued(self, keeper: Keeper) -> int | None:
        try:
            return self._interpreter.objects.length(keeper.queue)
        except Misread:
            return None

    def _clock(self, held: Mapping[str, int]) -> float | None:
        """What differs from turn to turn: the readings of a clock by the function that goes round."""
        told = tuple(self._reals(held))
        return float(hash(told) & MASK) if told else None

    def _reals(self, held: Mapping[str, int]) -> Iterator[float]:
        objects = self._interpreter.objects
        for address in held.values():
            try:
                if objects.type_name(address) == "float":
                    yield objects.numbers.real(address)
            except Misread:
                continue


def _variables(interpreter: Interpreter, raw: RawFrame) -> dict[str, int]:
    try:
        return interpreter.locals(raw)
    except Misread:
        return {}
