"""Whose functions are kept whole in a recording."""

from __future__ import annotations

from typing import Any, cast

from spindoctor.model.conversations import Claim
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party
from spindoctor.model.recording import ProcessRecording, SourceWindow
from spindoctor.model.tasks import Task, TaskLook
from spindoctor.probe.windows import functions


class Sources:
    """Every function begins five lines before the line that is asked for."""

    def function(self, file: str, name: str, line: int) -> SourceWindow:
        return SourceWindow(file, line, line - 5, (f"def {name}():",))


def kept(*, empty: bool) -> list[str]:
    """The functions kept of a task that waits for a permit."""
    waits = Task(7, "Task-7", "pending", "work", 1, chain=(Frame("order", "/srv/app.py", 20),))
    claim = Claim(Party(task=7), 77, "semaphore", "Semaphore", is_empty=empty)
    seen = ProcessRecording(100, task_looks=(TaskLook(0.0, tasks=(waits,), claims=(claim,), task_count=1),))
    return [line for one in functions(seen, cast("Any", Sources())) for line in one.lines]


def test_who_waits_for_a_permit_of_which_none_is_left_is_kept_whole() -> None:
    """Whether the same function gives back what it took shows nowhere else."""
    assert kept(empty=True) == ["def order():"]


def test_of_others_that_wait_nothing_is_kept() -> None:
    assert kept(empty=False) == []
