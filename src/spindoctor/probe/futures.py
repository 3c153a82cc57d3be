"""Futures that threads wait for: which loop or which pool has to bring the result, and which tasks await it.

Sources: Lib/concurrent/futures/thread.py (`_WorkItem`), Lib/asyncio/futures.py (`_chain_future`, whose closures join a
future of threads to one of a loop), Lib/asyncio/tasks.py (`run_coroutine_threadsafe`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spindoctor.cpython.holdings import SIMPLE_QUEUE
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.loops import LoopWatch

MOST_HANDLES = 256
MOST_ITEMS = 256
"""A queue of thousands is told by its first."""

MOST_CALLBACKS = 16


class FutureReader:
    """Reads futures of `concurrent.futures` and what hangs on them."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects

    def is_pending(self, future: int) -> bool:
        """Whether an object is a future of threads without a result yet."""
        try:
            state = self._objects.attributes(future).get("_state")
            return state is not None and self._objects.value(state) in {"PENDING", "RUNNING"}
        except Misread:
            return False

    def is_for(self, future: int, watch: LoopWatch) -> bool:
        """Whether only this loop can bring the future's result: it is chained to one of it, or queued on it."""
        return watch.loop in self._closed_over(future, ("source_loop",)) or self._is_queued(future, watch)

    def sources(self, future: int) -> list[int]:
        """What a loop brings to a future of threads: mostly a task (the `source` of `_chain_future`)."""
        return self._closed_over(future, ("source",))

    def _closed_over(self, future: int, names: tuple[str, ...]) -> list[int]:
        """What the callbacks of a future have captured under these names."""
        found: list[int] = []
        try:
            callbacks = self._objects.attributes(future).get("_done_callbacks")
            for callback in self._objects.items(callbacks)[:MOST_CALLBACKS] if callbacks else ():
                if self._objects.type_name(callback) == "function":
                    captured = self._objects.functions.closure(callback)
                    found.extend(captured[name] for name in names if name in captured)
        except Misread:
            return found
        return found

    def _is_queued(self, future: int, watch: LoopWatch) -> bool:
        return any(future in self._refers_to(handle) for handle in watch.ready_handles(MOST_HANDLES))

    def _refers_to(self, handle: int) -> set[int]:
        """What a queued callback is bound to, has captured, or is called with."""
        try:
            attributes = self._objects.attributes(handle)
            found = set(self._objects.items(attributes["_args"])) if "_args" in attributes else set[int]()
            callback = attributes["_callback"]
            if self._objects.type_name(callback) == "function":
                return found | set(self._objects.functions.closure(callback).values())
            holder = self._objects.function(callback).holder
            return found | ({holder} if holder else set())
        except (Misread, LookupError):
            return set()

    def queued_in(self, executor: int) -> dict[int, int]:
        """The futures of the work that is queued in an executor, each with its work item."""
        try:
            queue = self._objects.attributes(executor)["_work_queue"]
            items = self._queue_items(queue)
        except (Misread, LookupError):
            return {}
        return {future: item for item in items if (future := self.future_of(item))}

    def _queue_items(self, queue: int) -> tuple[int, ...]:
        is_simple = self._objects.type_name(queue) == SIMPLE_QUEUE
        inner = queue if is_simple else self._objects.attributes(queue).get("queue")
        return self._objects.items(inner)[:MOST_ITEMS] if inner else ()

    def future_of(self, item: int) -> int | None:
        """The future that a work item brings the result for."""
        try:
            return self._objects.attributes(item).get("future")
        except Misread:
            return None

    def tasks_awaiting(self, future: int) -> Iterator[int]:
        """The tasks that await a future of threads, through the future of a loop that it is chained to."""
        for destination in dict.fromkeys(self._closed_over(future, ("destination",))):
            try:
                yield from self._interpreter.awaited_by(destination)
            except Misread:
                continue

    def worked_on(self, variables: Mapping[str, int]) -> int | None:
        """The future that a frame with these variables works for: it has a work item, or is one's own method."""
        found = variables.get("work_item") or variables.get("self")
        return self.future_of(found) if found else None
