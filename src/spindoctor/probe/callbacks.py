"""What an event loop runs or is about to run: the handles in its queue, and the callback on its stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.sample import LoopLook
from spindoctor.model.tasks import Callback
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.loops import LoopWatch
from spindoctor.probe.scopes import TASK_TYPES

MOST_HANDLES = 64
"""A storm shows in the first handles; a queue of thousands is not read to its end."""

STEPS = frozenset({"TaskStepMethWrapper", "TaskWakeupMethWrapper"})
"""Types of the callbacks by which the C implementation of `Task` is run (Modules/_asynciomodule.c)."""


class CallbackReader:
    """Describes callbacks by what they call, for whom, and which task they step."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects

    def queued(self, watch: LoopWatch) -> Iterator[Callback]:
        """The callbacks in a loop's queue of ready handles; nothing where it cannot be read."""
        for handle in watch.ready_handles(MOST_HANDLES):
            try:
                callback = watch.callable_of(handle)
                if callback:
                    yield self.describe(callback, watch.loop)
            except Misread:
                continue

    def describe(self, callback: int, loop: int) -> Callback:
        """What a callable calls.

        Raises:
            Misread: it cannot be read.
        """
        task = self._stepped(callback)
        if task:
            return Callback("Task.__step", "", 0, task=task, loop=loop)
        called = self._objects.function(callback)
        frame, holder = called.frame, called.holder
        if holder and self._is_task(holder):
            return Callback(frame.function, frame.file, frame.line, task=holder, loop=loop)
        kind = self._objects.type_name(holder) if holder else None
        return Callback(frame.function, frame.file, frame.line, holder, kind, loop=loop)

    def _stepped(self, callback: int) -> int | None:
        """The task that a step or wake-up of the C implementation belongs to: the word behind the object's head."""
        if self._objects.type_name(callback).rpartition(".")[2] in STEPS:
            return self._interpreter.reader.word(callback + 16)
        return None

    def _is_task(self, address: int) -> bool:
        return bool(TASK_TYPES & set(self._objects.type_names(address)))

    def running(self, look: LoopLook, frames: Sequence[RawFrame]) -> Callback | None:
        """The callback that the loop is inside of; None between callbacks."""
        if not look.depth or look.depth > len(frames):
            return None
        frame = frames[look.depth - 1].frame
        if look.task:
            return Callback(frame.function, frame.file, frame.line, task=look.task, loop=look.loop, is_running=True)
        holder = look.holder
        try:
            kind = self._objects.type_name(holder) if holder else None
        except Misread:
            kind = holder = None
        return Callback(frame.function, frame.file, 0, holder, kind, loop=look.loop, is_running=True)
