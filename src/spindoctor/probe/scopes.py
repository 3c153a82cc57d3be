"""Objects whose callback an event loop keeps running and that hold tasks: cancel scopes, by shape and not by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from spindoctor.errors import Misread
from spindoctor.model.tasks import Scope, Task
from spindoctor.probe.interpreter import Interpreter

MOST_OBJECTS = 64
"""A scope with more scopes inside is told by the first of them."""

TASK_TYPES = frozenset({"Task", "_asyncio.Task"})
CONTAINERS = frozenset({"set", "list", "dict", "tuple", "collections.deque", "collections.OrderedDict", "WeakSet"})


class ScopeReader:
    """Reads scopes through `describe`, which turns a task's address into the noun."""

    def __init__(self, interpreter: Interpreter, describe: Callable[[int], Task | None]) -> None:
        """Look through this interpreter."""
        self._objects = interpreter.objects
        self._describe = describe

    def read(self, holder: int, callback: str) -> Scope | None:
        """The scope at `holder`, whose `callback` comes back; None where it holds no task or cannot be read."""
        try:
            return self._read(holder, callback)
        except Misread:
            return None

    def _read(self, holder: int, callback: str) -> Scope | None:
        attributes = self._objects.attributes(holder)
        host = next((value for name, value in attributes.items() if "host" in name and self._is_task(value)), None)
        objects = list(self._with_inner(holder))
        held = {task for one in objects for task in self._tasks_in(self._objects.attributes(one), host)}
        tasks = [task for address in held if (task := self._describe(address))]
        if not tasks:
            return None
        return Scope(
            address=holder,
            type_name=self._objects.type_name(holder).rpartition(".")[2],
            callback=callback,
            is_cancelled=self._flag(attributes, "cancel"),
            is_armed=self._is_set(attributes, "handle"),
            is_shielded=self._flag(attributes, "shield"),
            host=self._describe(host) if host else None,
            tasks=tuple(tasks),
            inner_scopes=len(objects) - 1,
        )

    def _with_inner(self, holder: int) -> Iterator[int]:
        """The object and those of its own type that its containers lead to."""
        kind = self._objects.type_name(holder)
        seen: set[int] = set()
        todo = [holder]
        while todo and len(seen) < MOST_OBJECTS:
            one = todo.pop()
            if one in seen:
                continue
            seen.add(one)
            yield one
            todo.extend(item for item in self._contained(one) if self._objects.type_name(item) == kind)

    def _contained(self, address: int) -> Iterator[int]:
        for value in self._objects.attributes(address).values():
            if self._objects.type_name(value) in CONTAINERS:
                yield from self._objects.items(value)[:MOST_OBJECTS]

    def _tasks_in(self, attributes: Mapping[str, int], host: int | None) -> Iterator[int]:
        """Tasks held: in a container, or in an attribute that is not the note of who entered the scope."""
        for value in attributes.values():
            if self._objects.type_name(value) in CONTAINERS:
                yield from (item for item in self._objects.items(value)[:MOST_OBJECTS] if self._is_task(item))
            elif value != host and self._is_task(value):
                yield value

    def _is_task(self, address: int) -> bool:
        return bool(TASK_TYPES & set(self._objects.type_names(address)))

    def _flag(self, attributes: Mapping[str, int], word: str) -> bool | None:
        """Whether an attribute whose name contains `word` is True; None where none is a boolean."""
        flags = [self._objects.value(value) for name, value in attributes.items() if word in name]
        known = [flag for flag in flags if isinstance(flag, bool)]
        return any(known) if known else None

    def _is_set(self, attributes: Mapping[str, int], word: str) -> bool | None:
        found = [value for name, value in attributes.items() if word in name]
        return any(self._objects.type_name(value) != "NoneType" for value in found) if found else None
