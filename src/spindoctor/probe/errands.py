"""The request that a thread works for on behalf of a task: the task awaits the future that the thread brings.

A pool's thread has that future at hand in one of its outermost frames, as a variable or in the work item that it runs
(Lib/concurrent/futures/thread.py, `_WorkItem`). It is the loop's own future, or one of threads that is chained to one
of the loop (Lib/asyncio/futures.py, `_chain_future`); either knows the task, whose await chain knows the request.
"""

from __future__ import annotations

from collections.abc import Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.routes import Route
from spindoctor.probe.futures import FutureReader
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.requests import RouteFinder

OUTERMOST = 6
"""Three frames start a thread, two run an executor's work; a library's own loop stands in their place."""

HOLDERS = ("work_item", "future", "self")

NUMBERED = "Task-"
"""How the names begin that asyncio itself gives, no two of them the same (Lib/asyncio/tasks.py)."""

MOST_KNOWN = 256
MOST_LEVELS = 4
MOST_ABREAST = 8
"""Tasks above a task, and beside each other, that are asked: a look shall not take long, whoever awaits it."""


class Errands:
    """Finds for whom the threads of pools work."""

    def __init__(self, interpreter: Interpreter, routes: RouteFinder) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._futures = FutureReader(interpreter)
        self._routes = routes
        self._barren: set[int] = set()
        self._known: dict[tuple[int, int | None, str], Route | None] = {}

    def route(self, frames: Sequence[RawFrame]) -> Route | None:
        """The request of the task that awaits what a thread with these frames (innermost first) does.

        None where nobody awaits it, or more than one request does.
        """
        try:
            held = (self._awaiting(raw) for raw in frames[-OUTERMOST:])
            found = {self._request_of(task) for task in next(filter(None, held), ())}
        except Misread:
            return None
        return found.pop() if len(found) == 1 else None

    def route_above(self, task: int) -> Route | None:
        """The request of the nearest tasks that await this one; None where there is none, or more than one."""
        try:
            return self._climb(task)
        except Misread:
            return None

    def _climb(self, task: int) -> Route | None:
        level = {task}
        for _ in range(MOST_LEVELS):
            level = {above for one in level for above in self._interpreter.awaited_by(one)[:MOST_ABREAST]}
            found = {route for above in level if (route := self._request_of(above))}
            if found or not level:
                return found.pop() if len(found) == 1 else None
        return None

    def is_barren(self, kind: int) -> bool:
        """Whether objects of this type have been found to lead nowhere."""
        return kind in self._barren

    def _awaiting(self, raw: RawFrame) -> tuple[int, ...]:
        """The tasks that await a future which this frame has at hand."""
        variables = self._interpreter.some_locals(raw, HOLDERS)
        if own := variables.get("future"):
            return self._waiting_for(own)
        holder = variables.get("work_item") or variables.get("self")
        kind = self._interpreter.objects.classes.of(holder).address if holder else 0
        if not holder or kind in self._barren:
            return ()
        future = self._futures.future_of(holder)
        if future is None:
            self._barren.add(kind)
            return ()
        return tuple(self._futures.tasks_awaiting(future))

    def _waiting_for(self, future: int) -> tuple[int, ...]:
        try:
            return self._interpreter.awaited_by(future)
        except Misread:
            return tuple(self._futures.tasks_awaiting(future))

    def _request_of(self, task: int) -> Route | None:
        """A task's request; asyncio numbers the tasks that nobody names, so that one of these is asked once."""
        raw = self._interpreter.task(task)
        key = (task, raw.coroutine, raw.name)
        if key in self._known and raw.name.startswith(NUMBERED):
            return self._known[key]
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        found = self._known[key] = self._read_request(raw.coroutine) if raw.coroutine else None
        return found

    def _read_request(self, coroutine: int) -> Route | None:
        return self._routes.find(self._interpreter.coroutine_chain(coroutine).frames[::-1])
