"""Which tasks wait within a limit: a block around the wait whose object has a timer armed on the loop, or a deadline.

`asyncio.timeout`, `wait_for` from 3.12 on, anyio's `fail_after` and scopes with a deadline, `async_timeout`: each keeps
the handle of its timer, or its deadline, as an attribute, and a block of it is open in one of the task's frames.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from spindoctor.cpython.contexts import Contexts, of_frames
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.locks import PUT
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.interpreter import Interpreter

TIMER: Final = "TimerHandle"
"""What `call_later` and `call_at` give back, on asyncio's own loop and on uvloop."""

DEADLINE: Final = "deadline"
"""In the name of an attribute: when the block ends at the latest, and infinite where it need not. Loops that keep their
deadlines in a row of their own (Trio's) make no object for each of them."""

MOST_ATTRIBUTES = 64
"""An object with a block and a timer has about ten."""


MOST_DEEP = 3
"""A `contextmanager` may be made of another one, as anyio's `fail_after` is of its `fail_at`."""


class LimitReader:
    """Finds limits in one process; of a task that has not moved (the same chain as before) it is known."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._contexts = Contexts(interpreter.reader, interpreter.objects)
        self._known: dict[int, tuple[tuple[RawFrame, ...], bool]] = {}

    def limited(self, tasks: Collection[int], chains: Mapping[int, tuple[RawFrame, ...]]) -> frozenset[int]:
        """Those of these tasks whose wait ends by itself; one that cannot be read is none of them."""
        self._known = {task: known for task, known in self._known.items() if task in tasks}
        return frozenset(task for task in tasks if task in chains and self._is_limited(task, chains[task]))

    def _is_limited(self, task: int, frames: tuple[RawFrame, ...]) -> bool:
        known = self._known.get(task)
        if known is None or known[0] is not frames:
            try:
                known = self._known[task] = frames, self._has_timer(frames)
            except Misread:
                return False
        return known[1]

    def _has_timer(self, frames: tuple[RawFrame, ...], deep: int = 0) -> bool:
        """Whether a block is open of what has a timer, or of a `contextmanager` whose generator is inside of one."""
        for _, held in of_frames(self._contexts, frames):
            for name, value in list(self._interpreter.objects.attributes(held).items())[:MOST_ATTRIBUTES]:
                kind = self._interpreter.objects.type_name(value).rpartition(".")[2]
                if kind == TIMER or (DEADLINE in name and kind == "float" and self._is_finite(value)):
                    return True
                if kind in {"generator", "async_generator"} and deep < MOST_DEEP:
                    inner = tuple(self._interpreter.coroutine_chain(value).frames)
                    if self._has_timer(inner, deep + 1):
                        return True
        return False

    def _is_finite(self, number: int) -> bool:
        """Whether it is a moment; a deadline of zero was never set."""
        at_s = self._interpreter.objects.numbers.real(number)
        return math.isfinite(at_s) and at_s > 0


def worth_asking(look: TaskLook) -> set[int]:
    """Tasks that may be part of a circle: they wait for room, a lock or somebody, and somebody waits for them."""
    awaiters = {one for task in look.tasks for one in task.awaited_by} | {one.for_task for one in look.conversations}
    awaited = {task.address for task in look.tasks if task.awaited_by}
    holders = {one.task for wait in look.waits for one in wait.holders}
    waiters = {wait.waiter.task for wait in look.waits if wait.holders}
    putters = {wait.waiter.task for wait in look.waits if wait.kind == PUT}
    found = (waiters & holders) | (awaiters & (awaited | holders)) | (waiters & awaited) | putters
    return {task for task in found if task}


def with_limits(look: TaskLook, limited: Collection[int]) -> TaskLook:
    """The look with what ends by itself told of these tasks and of their waits."""
    if not limited:
        return look
    tasks = tuple(replace(one, has_limit=True) if one.address in limited else one for one in look.tasks)
    waits = tuple(replace(one, has_limit=True) if one.waiter.task in limited else one for one in look.waits)
    return replace(look, tasks=tasks, waits=waits)
