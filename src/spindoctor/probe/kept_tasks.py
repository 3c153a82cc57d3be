"""The tasks of loops that keep them in an object of their own, told as asyncio's are.

Such a task waits by yielding an object to its loop: one that has what undoes the wait, where it is to be run when
something has happened, or a bare sign that it gives way and is to run again. Who gives way inside of an object's method
(a channel that has something, a lock that is free) has asked for something and got it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spindoctor.cpython.coroutines import Chain, End
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.tasks import RawTask
from spindoctor.errors import Misread
from spindoctor.model.origin import is_user
from spindoctor.model.tasks import BARE_YIELD, Callback, Task
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.keepers import COROUTINE, Keeper
from spindoctor.probe.requests import RouteFinder
from spindoctor.probe.taskbook import Range, TaskBook

MOST_INNER = 6
"""Frames of the loop's own between what parks a task and the yield."""

MOST_QUEUED = 100
"""Who keeps a loop awake is among the first in its queue."""

PLACE = "custom_sleep_data"
"""The attribute in which a task that is parked has what it is parked in: a row of tasks that a lock or limiter has."""

HEAD_BYTES = 16
"""Reference count and type: whose task it is shows in its coroutine's frames."""


class KeptTasks(TaskBook):
    """Reads the tasks of such loops."""

    def __init__(self, interpreter: Interpreter, routes: RouteFinder) -> None:
        """Look through this interpreter."""
        super().__init__(interpreter, routes)
        self._objects = interpreter.objects
        self._keeper: dict[int, int] = {}
        self._parked: dict[int, tuple[Sequence[RawFrame], tuple[RawFrame, ...]]] = {}

    def look(self, keepers: Iterable[Keeper], *, most: int, first_s: float, later_s: float) -> tuple[list[Task], int]:
        """As many as can be read in this time, of `most` at the most, and how many there are."""
        self._parked = {task: one for task, one in self._parked.items() if task in self._entries}
        self._keeper = {task: keeper.address for keeper in keepers for task in self._items(keeper.tasks)}
        addresses = tuple(self._keeper)[:most]
        if not addresses:
            self.chains, self.waiters = {}, {}
            return [], 0
        self.open(addresses)
        return self.describe_within(first_s if self.is_first else later_s, addresses, ()), len(self._keeper)

    def queued(self, keepers: Iterable[Keeper]) -> list[Callback]:
        """The tasks that run next, as callbacks of their loops."""
        waiting = ((one.address, task) for one in keepers for task in self._items(one.queue)[:MOST_QUEUED])
        known = [(loop, task, self._entries[task].frames) for loop, task in waiting if task in self._entries]
        return [
            Callback(frames[-1].frame.function, frames[-1].frame.file, frames[-1].frame.line, task=task, loop=loop)
            for loop, task, frames in known
            if frames
        ]

    @property
    def steps(self) -> Mapping[tuple[int, int], int]:
        """The tasks by the place and the code of their outermost coroutine's frame."""
        return {(frames[-1].address, frames[-1].code): task for task, frames in self.chains.items() if frames}

    @property
    def asking(self) -> Mapping[int, tuple[RawFrame, ...]]:
        """The await chains of `chains`, of those that are parked from the method on that has parked them."""
        cut = {task: known[1] for task, known in self._parked.items() if known[0] is self.chains.get(task)}
        return {**self.chains, **cut}

    def _items(self, container: int) -> tuple[int, ...]:
        try:
            return self._objects.items(container)
        except Misread:
            return ()

    def _raw(self, address: int) -> RawTask:
        held = self._objects.attributes(address)
        coroutine = held.get(COROUTINE)
        if coroutine is None:
            raise Misread(f"no task at {address:#x}")
        name, definition = self._interpreter.coroutines.describe(coroutine)
        return RawTask(
            address=address,
            name=self._name(held.get("name"), name),
            state="pending",
            loop=self._keeper.get(address, 0),
            coroutine=coroutine,
            coroutine_name=name,
            definition=definition,
            waiter=None,
            must_cancel=False,
            cancel_requests=None,
            exception_type=None,
        )

    def _name(self, address: int | None, otherwise: str) -> str:
        """A task's name: tasks are named by their function, often with its module."""
        return self._objects.text(address) if address and self._objects.type_name(address) == "str" else otherwise

    def _own(self, address: int) -> Range:
        return (address, HEAD_BYTES)

    def _awaited_by(self, _address: int) -> tuple[int, ...]:
        """Nobody awaits such a task itself: who opened the nursery waits for all of them."""
        return ()

    def _waits(self, raw: RawTask, chain: Chain | None, frames: tuple[RawFrame, ...]) -> tuple[str | None, int | None]:
        """What it waits on, and which that is; nothing of either where its memory changed meanwhile."""
        if chain is None or chain.end is not End.YIELDED or not frames:
            return None, None
        try:
            return self._waited(raw, frames)
        except Misread:
            return None, None

    def _waited(self, raw: RawTask, frames: tuple[RawFrame, ...]) -> tuple[str | None, int | None]:
        message = next(iter(self._held(frames[0]).values()), 0)
        asked = self._asked(frames)
        if not self._undoes(message):
            return asked or BARE_YIELD, None
        self._note_place(raw.address, frames)
        return asked or self._objects.type_name(message), message

    def _note_place(self, task: int, frames: tuple[RawFrame, ...]) -> None:
        """Take note of whose method has parked a task: it stands where those of the row itself are cut off."""
        place = self._objects.attributes(task).get(PLACE)
        rows = [number for number, raw in enumerate(frames[:MOST_INNER]) if self._held(raw).get("self") == place]
        self._parked.pop(task, None)
        if place and rows and rows[-1] + 1 < len(frames):
            self._parked[task] = frames, frames[rows[-1] + 1 :]

    def _undoes(self, message: int) -> bool:
        """Whether what a task yields tells how to undo its wait."""
        try:
            return (
                bool(message) and self._objects.type_name(message) != "type" and bool(self._objects.attributes(message))
            )
        except Misread:
            return False

    def _asked(self, frames: Sequence[RawFrame]) -> str | None:
        """The type of the outermost object of a library's whose method the user's code awaits."""
        asked = None
        for raw in frames:
            if is_user(raw.frame):
                break
            holder = self._held(raw).get("self")
            asked = self._objects.type_name(holder) if holder else asked
        return asked

    def _held(self, raw: RawFrame) -> Mapping[str, int]:
        try:
            return self._interpreter.locals(raw)
        except Misread:
            return {}
