"""Tasks and futures of asyncio.

Up to 3.13 the module `asyncio.tasks` has them: a WeakSet of all (`_all_tasks`, from 3.12 `_scheduled_tasks`), from 3.12
a set of eager ones, and the dict `_current_tasks`; the running loop lies in the thread's dict, on 3.13 behind its
state. From 3.14 each thread and the interpreter have a linked list, and each thread its running loop and task; where
these lie is published by the `_asyncio` module (Modules/_asynciomodule.c, `_AsyncioDebug`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from spindoctor.cpython.classes import Classes
from spindoctor.cpython.coroutines import Coroutines
from spindoctor.cpython.dicts import Dicts
from spindoctor.cpython.holdings import Holdings
from spindoctor.cpython.modules import Modules
from spindoctor.cpython.numbers import Numbers
from spindoctor.cpython.reader import Reader, int_at, word_at
from spindoctor.cpython.texts import Texts
from spindoctor.cpython.threads import Runtime
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame

TASK_TYPE = "_asyncio.Task"
STATES = ("pending", "cancelled", "finished")
LISTS_SINCE, MEMBER_SINCE = 14, 13
OVER = frozenset({1, 2})
STATE_BITS = (1 << 32) - 1  # `fut_state` is an int; what lies behind it in the word is something else
BATCH = 256  # one that has become unreadable spoils its batch
MAX_TASKS = 1 << 18
LOOP_KEY = "__asyncio_running_event_loop__"
HOLDER_TYPES = frozenset({"_RunningLoopHolder", "_asyncio._RunningLoopHolder"})


@dataclass(frozen=True, slots=True)
class RawTask:
    """One task at one moment; `loop`, `coroutine` and `waiter` are addresses.

    `state` is "pending", "cancelled" or "finished". `coroutine_name` is the qualified name, `definition` the first line
    of its code (None where no trace of it is left). `waiter` is the future it waits for. `cancel_requests` is
    `Task.cancelling()` (3.11+, else None). `exception_type` names the type of the exception it ended with.
    """

    address: int
    name: str
    state: str
    loop: int
    coroutine: int | None
    coroutine_name: str
    definition: Frame | None
    waiter: int | None
    must_cancel: bool
    cancel_requests: int | None
    exception_type: str | None


class Tasks:
    """Decodes `asyncio.Task` as C implements it."""

    def __init__(  # noqa: PLR0913, PLR0917 - the decoders it is made of
        self,
        reader: Reader,
        runtime: Runtime,
        classes: Classes,
        texts: Texts,
        numbers: Numbers,
        dicts: Dicts,
        holdings: Holdings,
        modules: Modules,
        coroutines: Coroutines,
        own_pid: int,
    ) -> None:
        self._reader = reader
        self._layout = reader.layout
        self._runtime = runtime
        self._classes = classes
        self._texts = texts
        self._numbers = numbers
        self._dicts = dicts
        self._holdings = holdings
        self._modules = modules
        self._coroutines = coroutines
        self._own_pid = own_pid

    def is_task(self, address: int) -> bool:
        """Tell whether there is a task, or an instance of a subclass, at this address."""
        return self.is_task_type(self._reader.type_of(address))

    def is_task_type(self, kind: int) -> bool:
        """Tell whether the type at this address is that of tasks or derives from it."""
        return TASK_TYPE in self._classes.names(self._classes.at(kind))

    def all(self) -> tuple[int, ...]:
        """Return the addresses of all tasks the interpreter knows; up to 3.13 also finished ones not yet let go."""
        if self._layout.minor >= LISTS_SINCE:
            return self._listed() if "task_object.node" in self._layout else ()
        names = self._modules.kept_contents("asyncio.tasks")
        kept = [names[name] for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks") if name in names]
        return tuple(dict.fromkeys(chain.from_iterable(map(self._holdings.items, kept))))

    def ended(self, addresses: Sequence[int]) -> frozenset[int]:
        """Return those of all tasks that have ended (none from 3.14 on); of a batch that cannot be read none."""
        if self._layout.minor >= LISTS_SINCE:
            return frozenset()
        found: set[int] = set()
        for start in range(0, len(addresses), BATCH):
            with suppress(Misread):
                found |= self._ended(addresses[start : start + BATCH])
        return frozenset(found)

    def _ended(self, tasks: Sequence[int]) -> set[int]:
        kind, state = self._layout["pyobject.ob_type"], self._layout["future_object.state"]
        head = struct.Struct(f"<Q{state - kind - 8}xQ")  # one range for both words; by pages it would be one for each
        block = self._reader.memory.prepare([(one + kind, head.size) for one in tasks])()
        told = zip(tasks, head.iter_unpack(block), strict=True)
        return {one for one, (type_, word) in told if word & STATE_BITS in OVER and self.is_task_type(type_)}

    def _listed(self) -> tuple[int, ...]:
        place = self._layout["asyncio_thread_state.tasks_head"]
        heads = [thread + place for thread in self._runtime.thread_addresses()]
        heads.append(self._runtime.interpreter + self._layout["asyncio_interpreter_state.tasks_head"])
        node_at = self._layout["task_object.node"]
        found: dict[int, None] = {}
        for head in heads:
            node = self._reader.word(head)
            while node not in {0, head}:
                if len(found) > MAX_TASKS or node - node_at in found:
                    raise Misread("a list of tasks without end")
                found[node - node_at] = None
                node = self._reader.word(node)
        return tuple(found)

    def current(self, loop: int, thread: int) -> int | None:
        """Return the task that a loop runs now; from 3.14 on the state of the thread that runs the loop has it."""
        if self._layout.minor < LISTS_SINCE:
            registry = self._modules.kept_contents("asyncio.tasks").get("_current_tasks")
            return dict(self._dicts.pairs(registry)).get(loop) if registry else None
        if "asyncio_thread_state.running_task" not in self._layout:
            return None
        places = [thread + self._layout[f"asyncio_thread_state.{name}"] for name in ("running_loop", "running_task")]
        running, task = self._reader.gather(places)
        return task or None if running == loop else None

    def running_loops(self) -> dict[int, int]:
        """Return thread -> the event loop that runs in it."""
        if self._layout.minor >= MEMBER_SINCE:
            loops = self._of_threads("running_loop")
        else:
            threads = self._runtime.thread_addresses()
            kept = self._reader.gather([thread + self._layout["thread_state.dict"] for thread in threads])
            found = {thread: self._loop_in(inner) for thread, inner in zip(threads, kept, strict=True) if inner}
            loops = {thread: loop for thread, loop in found.items() if loop}
        return {thread: loop for thread, loop in loops.items() if not self._is_none(loop)}

    def _of_threads(self, name: str) -> dict[int, int]:
        """Return thread -> the address it keeps for asyncio under this name, where it keeps one (3.13+)."""
        place = self._layout.offsets.get(f"asyncio_thread_state.{name}")
        if place is None:
            return {}
        threads = self._runtime.thread_addresses()
        words = self._reader.gather([thread + place for thread in threads])
        return {thread: word for thread, word in zip(threads, words, strict=True) if word}

    def _loop_in(self, inner: int) -> int:
        """Return the loop from a thread's own dict, where a small object holds it and the id of its process."""
        for key, value in self._dicts.pairs(inner):
            if self._texts.length(key) == len(LOOP_KEY) and self._texts.read(key) == LOOP_KEY:
                return self._held_loop(value) if self._classes.of(value).name in HOLDER_TYPES else value
        return 0

    def _held_loop(self, holder: int) -> int:
        """Return the loop of a holder; 0 where it was inherited: the loop runs in the process that forked this one."""
        if self._reader.int32(holder + self._layout["running_loop_holder.pid"]) != self._own_pid:
            return 0
        return self._reader.word(holder + self._layout["running_loop_holder.loop"])

    def _is_none(self, address: int) -> bool:
        return self._classes.of(address).name == "NoneType"

    def read(self, address: int) -> RawTask:
        """Return the task at `address`; `Misread` if there is none."""
        layout = self._layout
        block = self._reader.read(address, layout["task_object.size"])
        if not self.is_task_type(word_at(block, layout["pyobject.ob_type"])[0]):
            raise Misread(f"no task at {address:#x}")
        state = int_at(block, layout["future_object.state"])[0]
        if state not in range(len(STATES)):
            raise Misread(f"a task in state {state} at {address:#x}")
        coroutine = word_at(block, layout["task_object.coro"])[0] or None
        exception = word_at(block, layout["future_object.exception"])[0]
        cancels = layout.offsets.get("task_object.num_cancels_requested")
        name, definition = self._coroutines.describe(coroutine) if coroutine else ("", None)
        return RawTask(
            address=address,
            name=self._name(word_at(block, layout["task_object.name"])[0]),
            state=STATES[state],
            loop=word_at(block, layout["future_object.loop"])[0],
            coroutine=coroutine,
            coroutine_name=name,
            definition=definition,
            waiter=word_at(block, layout["task_object.fut_waiter"])[0] or None,
            must_cancel=bool(
                block[layout["task_object.must_cancel"]] & layout.constants["task_object.must_cancel_mask"]
            ),
            cancel_requests=None if cancels is None else int_at(block, cancels)[0],
            exception_type=self._classes.of(exception).name if exception else None,
        )

    def _name(self, address: int) -> str:
        """Return the task's name; from 3.12 a default name is kept as a number until somebody asks for it."""
        found = self._classes.of(address)
        return f"Task-{self._numbers.integer(address)}" if found.name == "int" else self._texts.read(address)
