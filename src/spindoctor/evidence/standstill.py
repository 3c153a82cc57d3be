"""Processes in which every thread sleeps on a lock of the process's own: nobody is left who could wake another.

Who holds which lock need not be known for that. A lock that only this process can release is released by one of its
threads; where all of them sleep, without a limit, for such locks, none ever will. One of them must wait for something
to be finished: threads that only wait for work or for a sign may do so by right, until a signal ends the process.
"""

from __future__ import annotations

from collections.abc import Iterable

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.waiting import Standoff, Waiter

FUTEX_WAITS = frozenset({0, 9})
"""FUTEX_WAIT and FUTEX_WAIT_BITSET (futex(2))."""

COMMANDS, PRIVATE = 0x7F, 0x80
"""FUTEX_CMD_MASK and FUTEX_PRIVATE_FLAG: without the flag another process may be the one that wakes us."""

FINISHED = {
    ("/threading.py", "Barrier._wait"): "the other parties of a Barrier",
    ("/threading.py", "_wait"): "the other parties of a Barrier",
    ("/queue.py", "Queue.join"): "every item of a queue to be reported as done (task_done)",
    ("/queue.py", "join"): "every item of a queue to be reported as done (task_done)",
    ("/concurrent/futures/_base.py", "Future.result"): "the result of a Future",
    ("/concurrent/futures/_base.py", "result"): "the result of a Future",
    ("/threading.py", "Thread.join"): "the end of a thread",
    ("/threading.py", "join"): "the end of a thread",
    ("/threading.py", "_shutdown"): "the end of all other threads, since the program itself is over",
}
"""Places in the standard library (by file and function, with and without its class) at which a thread waits for what
others are to finish."""

SIGN = ("Event.wait", "wait")
"""A handler of signals may give one. Before Python 3.11 functions are known without their class: there an event's
`wait` is told by the `wait` of a condition that it calls."""

WORK = (("/queue.py", "get"), ("/queue.py", "Queue.get"))
ENDS = "the end of"


def standstill(process: ProcessRecording) -> Standoff | None:
    """All threads of a process, where they sleep for each other and nobody else is there; else None."""
    last = process.samples[-1].threads if process.samples else ()
    alive = {one.tid for one in process.threads} & {look.tid for sample in process.samples for look in sample.threads}
    if not last or alive - {look.tid for look in last} or len(process.threads) > len(last):
        return None
    if not all(map(_sleeps_on_lock, last)) or any(_waits_for_sign(look.stack) for look in last):
        return None
    if not any(_finish(look.stack) for look in last):
        return None
    return _standoff(process, sorted(last, key=_is_consequence))


def _sleeps_on_lock(look: ThreadLook) -> bool:
    """Whether a thread that runs Python code sleeps, without a limit, for what only its own process can give."""
    return bool(look.stack) and look.is_complete and not look.waits_for_gil and _is_endless(look.call)


def _is_endless(call: SystemCall | None) -> bool:
    if call is None or call.name != "futex" or len(call.arguments) < 4:  # noqa: PLR2004 - the fourth is its limit
        return False
    _, operation, _, limit, *_ = call.arguments
    return operation & COMMANDS in FUTEX_WAITS and bool(operation & PRIVATE) and not limit


def _waits_for_sign(stack: Stack) -> bool:
    return len(stack) > 1 and stack[1].file.endswith("/threading.py") and stack[1].function in SIGN


def _waits_at(stack: Stack, places: Iterable[tuple[str, str]]) -> bool:
    """Whether a stack's innermost functions, those above the user's, are among these."""
    user = user_frame(stack)
    library = stack[: stack.index(user)] if user in stack else stack
    return any(frame.file.endswith(file) and frame.function == name for frame in library for file, name in places)


def _finish(stack: Stack) -> str:
    """What a thread waits to be finished; empty where it waits for anything else."""
    user = user_frame(stack)
    library = stack[: stack.index(user)] if user in stack else stack
    told = (what for frame in library if (what := _told(frame)))
    return next(told, "")


def _told(frame: Frame) -> str:
    return next(
        (what for (file, name), what in FINISHED.items() if frame.file.endswith(file) and frame.function == name), ""
    )


def _is_consequence(look: ThreadLook) -> int:
    """Who waits for the end of a thread does so because of that thread; who waits for work, for want of others."""
    finish = _finish(look.stack)
    return 2 if finish.startswith(ENDS) else 0 if finish else 1


def _standoff(process: ProcessRecording, looks: list[ThreadLook]) -> Standoff:
    since_s = max((one.at_s for one in process.samples if any(look.ran_ns for look in one.threads)), default=0.0)
    end_s = process.samples[-1].at_s
    slow = [one.at_s for one in process.task_looks]
    namer = Namer(process)
    return Standoff(
        pid=process.pid,
        kind="standstill",
        members=tuple(_waiter(one, namer) for one in looks),
        seen=Share(sum(at_s >= since_s for at_s in slow), len(slow)),
        lasted_s=end_s - since_s,
        holds_loop=any(use.loop for use in process.threads),
    )


def _waiter(look: ThreadLook, namer: Namer) -> Waiter:
    other = "something in a queue" if _waits_at(look.stack, WORK) else "a lock or a sign"
    return Waiter(
        name=f"thread {namer.threads.get(look.tid, look.tid)}",
        culprit=namer.culprit(look.stack, look.tid, None),
        waits_for=_finish(look.stack) or other,
    )
