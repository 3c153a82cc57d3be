"""Who waits for a task or future.

From 3.14 each future knows (`fut_awaited_by`). Before that it follows from the callbacks of the future: the wake-up of
a task; a closure of `asyncio.gather`, `wait` or `shield` whose variable is the future that somebody waits for in turn;
the partial by which `wait_for` lets its own future go (3.8 to 3.11); a TaskGroup's method.
"""

from __future__ import annotations

from collections.abc import Iterator

from spindoctor.cpython.attributes import Attributes
from spindoctor.cpython.classes import Classes
from spindoctor.cpython.containers import Containers
from spindoctor.cpython.functions import BUILT_IN, Functions
from spindoctor.cpython.reader import Reader
from spindoctor.cpython.tasks import TASK_TYPE
from spindoctor.errors import Misread

MAX_DEPTH = 8  # a gather within a shield within a gather ...
MAX_FUTURES = 4096
FUTURE_TYPE = "_asyncio.Future"
OUTER_VARIABLES = frozenset({"outer", "waiter"})  # Lib/asyncio/tasks.py: gather, shield; _wait
PUBLISHED_SINCE = 14


class Awaiters:
    """Finds the tasks that wait for a task or future."""

    def __init__(
        self,
        reader: Reader,
        classes: Classes,
        containers: Containers,
        attributes: Attributes,
        functions: Functions,
    ) -> None:
        self._reader = reader
        self._layout = reader.layout
        self._classes = classes
        self._containers = containers
        self._attributes = attributes
        self._functions = functions

    def of(self, future: int) -> tuple[int, ...]:
        """Return the addresses of the tasks that wait for `future`, directly or through futures made for waiting."""
        found: dict[int, None] = {}
        seen, level = {future}, [future]
        if not {TASK_TYPE, FUTURE_TYPE} & set(self._type_names(future)):
            raise Misread(f"neither task nor future at {future:#x}")
        for _ in range(MAX_DEPTH):
            following: list[int] = []
            for awaiter in (awaiter for one in level for awaiter in self._direct(one)):
                names = self._type_names(awaiter)
                if TASK_TYPE in names:
                    found[awaiter] = None
                elif FUTURE_TYPE in names and awaiter not in seen and len(seen) < MAX_FUTURES:
                    seen.add(awaiter)
                    following.append(awaiter)
            level = following
        return tuple(found)

    def _type_names(self, address: int) -> tuple[str, ...]:
        return self._classes.names(self._classes.of(address))

    def _direct(self, future: int) -> Iterator[int]:
        if self._layout.minor >= PUBLISHED_SINCE:
            yield from self._published(future)
        else:
            for callback in self._callbacks(future):
                yield from self._behind(callback)

    def _published(self, future: int) -> Iterator[int]:
        if "task_object.awaited_by" not in self._layout:
            return
        awaiter = self._reader.word(future + self._layout["task_object.awaited_by"])
        is_set = self._reader.read(future + self._layout["task_object.awaited_by_is_set"], 1)[0]
        if awaiter:
            yield from self._containers.set_items(awaiter) if is_set else (awaiter,)

    def _callbacks(self, future: int) -> Iterator[int]:
        """Yield the callbacks: the first has a member of its own, the others are in a list of (callback, context)."""
        first, others = self._reader.gather(
            [future + self._layout["future_object.callback0"], future + self._layout["future_object.callbacks"]]
        )
        if first:
            yield first
        if others and self._classes.of(others).name == "list":
            for pair in self._containers.sequence(others, MAX_FUTURES):
                yield from self._containers.sequence(pair, 1)

    def _behind(self, callback: int) -> Iterator[int]:
        """Yield the task or the future that a callback serves."""
        kind = self._classes.of(callback).name
        if kind == "TaskWakeupMethWrapper":
            yield self._reader.word(callback + self._layout["task_wakeup.task"])
        elif kind == "method" or kind in BUILT_IN:
            holder = self._functions.bound_to(callback, kind)
            if holder:
                yield self._parent_of(holder) if kind == "method" else holder
        elif kind == "function":
            yield from (value for name, value in self._functions.closure(callback).items() if name in OUTER_VARIABLES)
        elif kind == "functools.partial":
            yield from self._functions.partial_arguments(callback)

    def _parent_of(self, holder: int) -> int:
        """Return the task that waits for a TaskGroup, or the object itself if it is no such thing."""
        return self._attributes.read(holder).get("_parent_task", holder)
