"""Recordings as the tests of evidence need them, each in a line or two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spindoctor.model.frames import Frame
from spindoctor.model.process import Machine, Process, Target
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Callback, Task, TaskLook

PID = 100
LOOP = 0xA0
TEN_MS = 10_000_000

RUN_ONCE = Frame("BaseEventLoop._run_once", "/usr/lib/python3.12/asyncio/base_events.py", 1987)
SELECT = Frame("EpollSelector.select", "/usr/lib/python3.12/selectors.py", 468)
EPOLL_WAIT = SystemCall("epoll_wait", (4, 0, 10, 1000))

Seen = tuple[ThreadLook, LoopLook]


def user(function: str, line: int = 1, file: str = "/srv/app.py") -> Frame:
    return Frame(function, file, line)


def library(function: str, line: int = 1) -> Frame:
    return Frame(function, "/srv/venv/lib/python3.12/site-packages/lib.py", line)


def idle() -> Seen:
    """Asleep in the selector."""
    thread = ThreadLook(PID, (SELECT, RUN_ONCE), call=EPOLL_WAIT)
    return thread, LoopLook(PID, LOOP, polls=True, poll_timeout_s=1.0, ready=0, turn=0.5)


def spinning(turn: float) -> Seen:
    """In the loop's machinery, on the CPU."""
    thread = ThreadLook(PID, (RUN_ONCE,), ran_ns=TEN_MS)
    return thread, LoopLook(PID, LOOP, polls=True, poll_timeout_s=0.0, ready=1, turn=turn)


def inside(  # noqa: PLR0913 - each says one thing about the look
    *stack: Frame,
    turn: float | None = None,
    task: int | None = None,
    ran_ns: int = TEN_MS,
    call: str | None = None,
    gil: bool = False,
    complete: bool = True,
) -> Seen:
    """Inside a callback: on the CPU, or waiting in a call or for the GIL."""
    thread = ThreadLook(
        PID,
        (*stack, RUN_ONCE),
        ran_ns=0 if call or gil else ran_ns,
        call=SystemCall("futex" if gil else call) if call or gil else None,
        waits_for_gil=gil,
        is_complete=complete,
    )
    callback = None if turn is None else 1
    return thread, LoopLook(PID, LOOP, task=task, turn=turn, callback=callback, depth=len(stack))


def loop_samples(looks: Iterable[Seen]) -> tuple[Sample, ...]:
    """These looks at one loop, ten milliseconds apart."""
    return tuple(Sample(number / 100, (thread,), (loop,)) for number, (thread, loop) in enumerate(looks))


def thread_samples(*looks: Sequence[ThreadLook]) -> tuple[Sample, ...]:
    """These looks at several threads, ten milliseconds apart."""
    return tuple(Sample(number / 100, tuple(threads)) for number, threads in enumerate(looks))


def main_thread(tid: int = PID, **use: Any) -> ThreadUse:  # noqa: ANN401 - whatever a thread can use
    return ThreadUse(tid, "MainThread", "python", loop=LOOP, loop_type="_UnixSelectorEventLoop", **use)


def one_process(pid: int = PID, **seen: Any) -> ProcessRecording:  # noqa: ANN401 - whatever was seen
    return ProcessRecording(pid, **seen)


def recording(*processes: ProcessRecording, seconds: float = 3.0, machine: Machine | None = None) -> Recording:
    """Three seconds' look at these processes, the first of which leads."""
    family = tuple(
        Process(
            one.pid, 1, 0.0, 1, "python", (), "/usr/bin/python3", "/srv", "www", role="worker" if number else "leader"
        )
        for number, one in enumerate(processes)
    )
    pid = processes[0].pid if processes else PID
    target = Target(pid, pid, family, ports=(8080,))
    return Recording(target, machine or Machine(2, 2), seconds, 100.0, processes)


def at_loop(*looks: Seen, **use: Any) -> Recording:  # noqa: ANN401 - as above
    """One process whose main thread runs a loop that was found so."""
    return recording(one_process(samples=loop_samples(looks), threads=(main_thread(**use),)))


def task(address: int = 7, *chain: Frame, state: str = "pending", requests: int | None = 0, **more: Any) -> Task:  # noqa: ANN401
    more.setdefault("waits_on", "_asyncio.Future" if state == "pending" else None)
    coroutine = more.pop("coroutine", "work")
    return Task(address, f"Task-{address}", state, coroutine, LOOP, chain=chain, cancel_requests=requests, **more)


def callback(function: str, holder: int | None = None, of_task: int | None = None) -> Callback:
    return Callback(function, "/srv/app.py", 1, holder=holder, task=of_task, loop=LOOP)


def task_looks(*looks: dict[str, Any]) -> tuple[TaskLook, ...]:
    """Slow looks, a quarter of a second apart."""
    return tuple(
        TaskLook(number / 4, **{"task_count": len(look.get("tasks", ())), **look}) for number, look in enumerate(looks)
    )
