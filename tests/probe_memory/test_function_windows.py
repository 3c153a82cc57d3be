"""Whose functions are kept whole in a recording."""

from __future__ import annotations

from typing import Any, cast

from spindoctor.model.conversations import Claim
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.recording import ProcessRecording, SourceWindow
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.tasks import Task, TaskLook
from spindoctor.probe.windows import functions


class Sources:
    """Every function begins five lines before the line that is asked for."""

    def function(self, file: str, name: str, line: int) -> SourceWindow:
        return SourceWindow(file, line, line - 5, (f"def {name}():",))


def kept(*stack: Frame, tid: int | None = None) -> list[str]:
    """The functions kept of a task, or a thread, that queues for something."""
    waits = Task(7, "Task-7", "pending", "work", 1, chain=() if tid else stack)
    claim = Claim(Party(tid=tid) if tid else Party(task=7), 77, "semaphore", "Semaphore")
    look = TaskLook(0.0, tasks=(waits,), claims=(claim,), task_count=1)
    threads = (ThreadLook(tid, stack),) if tid else ()
    seen = ProcessRecording(100, samples=(Sample(0.0, threads),), task_looks=(look,))
    return [line for one in functions(seen, cast("Any", Sources())) for line in one.lines]


ORDER = Frame("order", "/srv/app.py", 20)


def test_the_function_of_who_queues_is_kept_whole() -> None:
    """What it does with what it gets, and whether it gives it back, shows nowhere else."""
    assert kept(ORDER) == ["def order():"]
    assert kept(ORDER, tid=101) == ["def order():"]


def test_functions_of_libraries_and_of_those_who_queue_for_nothing_are_not_kept() -> None:
    assert kept(Frame("acquire", "/usr/lib/python3.12/asyncio/locks.py", 20)) == []
    other = Task(8, "Task-8", "pending", "work", 1, chain=(ORDER,))
    seen = ProcessRecording(100, task_looks=(TaskLook(0.0, tasks=(other,), task_count=1),))
    assert list(functions(seen, cast("Any", Sources()))) == []
