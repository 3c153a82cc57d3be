"""The event loops of a process that are none of asyncio's: a hub of greenlets, or one that keeps its tasks itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spindoctor.cpython.stacks import RawStack
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import LoopLook, ThreadLook
from spindoctor.probe.hubs import HubWatch
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.keepers import KeeperWatch
from spindoctor.probe.tasks import TaskReader


class OtherLoops:
    """Looks at all of them."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Nothing is known of them yet."""
        self._pid = interpreter.pid
        self._hub = HubWatch(interpreter)
        self._keepers = KeeperWatch(interpreter)

    def follow(self, free: Collection[int]) -> None:
        """Find out whether there can be any; `free` are the threads that run no loop of asyncio."""
        self._hub.follow(is_free=self._pid in free)
        self._keepers.follow(free)

    @property
    def may_be(self) -> bool:
        """Whether each look has to ask them where they stand."""
        return self._hub.may_be or bool(self._keepers.keepers)

    def looks(self, stacks: Mapping[int, RawStack], looks: Mapping[int, ThreadLook]) -> list[LoopLook]:
        """Where each of them stands in this look."""
        return [*self._hub.looks(stacks, looks), *self._keepers.looks(stacks, looks)]

    def tell(self, tasks: TaskReader) -> None:
        """Tell the slow look whose tasks there are, and learn from the last one where their steps begin."""
        tasks.hub = self._hub.hub
        tasks.keepers = self._keepers.keepers
        self._keepers.steps = tasks.steps

    def with_loop(self, use: ThreadUse) -> ThreadUse | None:
        """The thread's use with its loop; None for a thread without."""
        return self._hub.with_hub(use) or self._keepers.with_keeper(use)
