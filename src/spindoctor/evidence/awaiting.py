"""What a task awaits, and what a thread does in the standard library's waits, in a few words."""

from __future__ import annotations

from spindoctor.model.frames import Stack
from spindoctor.model.locks import Wait
from spindoctor.model.origin import is_user
from spindoctor.model.tasks import Task

SLEEP = "sleep"
SLEEPS = ("sleep", "sleep_until", "sleep_forever")
"""Functions of asyncio and of other loops that only let time pass."""


ASKED = {
    ("get", "/queue.py"): "waits for an item of a queue",
    ("put", "/queue.py"): "waits for room in a queue",
    ("join", "/queue.py"): "waits until all items of a queue are done",
    ("acquire", "/threading.py"): "waits for a semaphore",
    ("result", "concurrent/futures/_base.py"): "waits for the result of a future",
}
"""What the standard library's functions wait for that stand right above the wait of a condition."""

EVENT, CONDITION = ("Event.wait", "wait"), "/threading.py"
"""An event's wait calls that of its condition, under the same name up to 3.10."""


def asked_for(stack: Stack) -> str:
    """What a thread that sleeps in a wait of the standard library's waits for; "" where its stack does not say."""
    inner, outer = (*stack[:2], None, None)[:2]
    if inner is None or not inner.file.endswith(CONDITION) or inner.function.rpartition(".")[2] != "wait":
        return ""
    if outer is None:
        return ""
    if outer.function in EVENT and outer.file.endswith(CONDITION):
        return "waits for an event"
    name = outer.function.rpartition(".")[2]
    found = (said for (called, file), said in ASKED.items() if called == name and outer.file.endswith(file))
    return next(found, "waits for a condition")


def awaited(task: Task, wait: Wait | None = None) -> str:
    """What the task awaits: "" where it runs or is about to; `wait` is what else is known of it.

    A sleep is known by its function: what it awaits is a future like any other.
    """
    inner = next(iter(task.chain), None)
    if task.waits_on and inner and inner.function.rpartition(".")[2] in SLEEPS and not is_user(inner):
        return SLEEP
    return wait.type_name if wait and task.waits_on else task.waits_on or ""
