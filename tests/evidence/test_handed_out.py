"""Pools of worker processes that show by who waits until he can hand in more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recordings import PID, library, one_process, recording, thread_samples, user

from spindoctor.evidence.handed_out import handed_out
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share

SLEEP, FUTEX = SystemCall("clock_nanosleep"), SystemCall("futex", (1, 2, 3, 0))
POOL = "/srv/venv/lib/python3.12/site-packages/jobs/pool.py"
FORK = Frame("Popen._launch", "/srv/venv/lib/python3.12/site-packages/jobs/popen_fork.py", 77)
WORKS = (user("slow", 9), Frame("Worker.workloop", POOL, 369), Frame("BaseProcess.run", POOL, 108), FORK)
WAIT = Frame("Condition.wait", "/usr/lib/python3.12/threading.py", 355)
ACQUIRE = Frame("Semaphore.acquire", "/usr/lib/python3.12/threading.py", 507)
APPLY = Frame("Pool.apply_async", POOL, 1619)
CONSUMES = library("consume", 764)
BLOCKED = (WAIT, ACQUIRE, APPLY, CONSUMES)
RESULT = (WAIT, Frame("Event.wait", WAIT.file, 655), Frame("ApplyResult.get", POOL, 700), CONSUMES)
OTHERS = (WAIT, ACQUIRE, library("throttle", 12), CONSUMES)
FREE = (library("poll", 977), CONSUMES)


def process(pid: int, *stacks: Stack, call: SystemCall = SLEEP) -> ProcessRecording:
    return one_process(pid, samples=thread_samples(*[[ThreadLook(pid, one, call=call)] for one in stacks]))


def seen(*owner: Stack, works: tuple[Stack, ...] = (WORKS,) * 60) -> Recording:
    """An owner and two workers, which are its children."""
    made = recording(process(PID, *owner, call=FUTEX), process(101, *works), process(102, *works))
    leader, *workers = made.target.processes
    family = (leader, *(replace(one, parent_pid=PID) for one in workers))
    return replace(made, target=replace(made.target, processes=family))


def test_while_its_owner_waits_for_a_permit_the_pool_is_full_and_more_is_there_to_do() -> None:
    """In 57 of 60 looks the owner cannot hand in the next piece."""
    (use,) = handed_out(seen(*[BLOCKED] * 57, *[FREE] * 3))

    assert (use.full, use.queued_most, use.pool.size, use.pool.name) == (Share(57, 60), 1, 2, "Pool")
    assert [(one.culprit.function, one.share) for one in use.holders] == [("slow", Share(120, 120))]
    assert not use.is_batch


@pytest.mark.parametrize("stack", [RESULT, OTHERS, FREE], ids=["its-result", "another-librarys", "polls"])
def test_who_waits_for_anything_else_hands_in_nothing(stack: Stack) -> None:
    assert handed_out(seen(*[stack] * 60)) == []


def test_where_a_member_is_free_the_pool_is_not_full() -> None:
    waits = (Frame("get", POOL, 171), *WORKS[1:])

    assert handed_out(seen(*[BLOCKED] * 60, works=(waits,) * 60)) == []


def test_the_users_own_code_that_hands_in_hands_in_a_batch() -> None:
    (use,) = handed_out(seen(*[(*BLOCKED, user("nightly", 5))] * 60))

    assert use.is_batch
