"""Which task of another thread's loop a waiting thread of a server stands for."""

from __future__ import annotations

from recordings import PID, SELECT, library, one_process, task, task_looks, user

from spindoctor.evidence.delegates import delegates
from spindoctor.evidence.members import member_moments
from spindoctor.evidence.origin import user_frame
from spindoctor.model.frames import Frame
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook, Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import Task

VIEW = user("view", 32)
CHAIN = (library("sleep", 665), VIEW, library("main_wrap", 416))
WAIT = Frame("Condition.wait", "/usr/lib/python3.12/threading.py", 355)
HANDLE = library("handle", 184)
WAITS = ThreadLook(PID, (WAIT, library("run_until", 80), HANDLE), call=SystemCall("futex", (1, 2, 3, 0)))
OTHER = ThreadLook(102, WAITS.stack, call=WAITS.call)
LOOPS = ThreadLook(101, (SELECT,), call=SystemCall("epoll_wait"))
ROUTE = Route("GET", "/view")


def seen(*tasks: tuple[Task, ...], threads: tuple[ThreadLook, ...] = (WAITS, LOOPS)) -> ProcessRecording:
    """Slow looks at these tasks, a quarter of a second apart, and with each a look at the threads."""
    looks = task_looks(*[{"tasks": one} for one in tasks])
    samples = tuple(Sample(one.at_s, threads, (LoopLook(101, 0xA0, polls=True),)) for one in looks)
    return one_process(samples=samples, task_looks=looks, routes=((HANDLE, ROUTE),))


def told(process: ProcessRecording) -> list[dict[int, str]]:
    return [{tid: one.name for tid, one in look.items()} for look in delegates(process)]


def requests(*numbers: int, **more: object) -> list[tuple[Task, ...]]:
    return [(task(number, *CHAIN, **more),) for number in numbers]


def test_the_only_thread_with_a_request_waits_for_the_only_task_that_came_with_it() -> None:
    """Four requests, each met in two looks."""
    process = seen(*requests(1, 1, 2, 2, 3, 3, 4, 4))

    assert told(process) == [{PID: f"Task-{number}"} for number in (1, 1, 2, 2, 3, 3, 4, 4)]
    assert [user_frame(one.stack) for one in member_moments(process, {PID})] == [VIEW] * 8


def test_a_task_that_was_there_all_along_may_work_for_nobody() -> None:
    assert told(seen(*requests(*[1] * 8))) == [{}] * 8


def test_a_task_with_the_same_request_in_hand_is_the_one_however_long_it_lasts() -> None:
    assert told(seen(*requests(*[1] * 8, route=ROUTE))) == [{PID: "Task-1"}] * 8


def test_with_two_threads_or_two_tasks_nothing_is_guessed() -> None:
    two = [(task(number, *CHAIN), task(number + 9, *CHAIN)) for number in range(1, 9)]

    assert told(seen(*two)) == [{}] * 8
    assert told(seen(*requests(*range(1, 9)), threads=(WAITS, OTHER, LOOPS))) == [{}] * 8


def test_a_task_that_is_there_now_and_then_is_nobodys() -> None:
    """In two looks of eight: the thread waits for something else."""
    assert told(seen(*requests(1), (), (), (), *requests(2), (), (), ())) == [{}] * 8


def test_a_thread_without_a_request_waits_for_work() -> None:
    process = seen(*requests(1, 2, 3, 4))

    assert told(one_process(samples=process.samples, task_looks=process.task_looks)) == [{}] * 4


def test_a_sleep_that_no_slow_look_met_is_not_ascribed_to_the_task_before() -> None:
    """The thread ran and sleeps again: for whom is not known."""
    again = ThreadLook(PID, WAITS.stack, ran_ns=1000, call=WAITS.call)
    process = seen(*requests(*range(1, 9)), threads=(again, LOOPS))
    between = tuple(Sample(one.at_s + 0.1, (again, LOOPS)) for one in process.samples)
    samples = tuple(sorted((*process.samples, *between), key=lambda one: one.at_s))

    met = member_moments(one_process(samples=samples, task_looks=process.task_looks, routes=process.routes), {PID})

    assert [user_frame(one.stack) for one in met] == [VIEW, None] * 8
