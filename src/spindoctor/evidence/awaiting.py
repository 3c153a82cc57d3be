"""What a task awaits, in a word or two."""

from __future__ import annotations

from spindoctor.model.locks import Wait
from spindoctor.model.origin import is_user
from spindoctor.model.tasks import Task

SLEEP = "sleep"
SLEEPS = ("sleep", "sleep_until", "sleep_forever")
"""Functions of asyncio and of other loops that only let time pass."""


def awaited(task: Task, wait: Wait | None = None) -> str:
    """What the task awaits: "" where it runs or is about to; `wait` is what else is known of it.

    A sleep is known by its function: what it awaits is a future like any other.
    """
    inner = next(iter(task.chain), None)
    if task.waits_on and inner and inner.function.rpartition(".")[2] in SLEEPS and not is_user(inner):
        return SLEEP
    return wait.type_name if wait and task.waits_on else task.waits_on or ""
