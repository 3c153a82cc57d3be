"""Worker processes that are never free, by the stacks of their main threads."""

from __future__ import annotations

import pytest
from recordings import PID, library, one_process, recording, thread_samples, user

from spindoctor.evidence.employed import employed
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.routes import Route
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.tasks import Pool, TaskLook

SLEEP = SystemCall("clock_nanosleep")
FORK = Frame("Popen._launch", "/srv/venv/lib/python3.12/site-packages/queue/popen_fork.py", 77)
BEGINS = Frame("BaseProcess.run", "/usr/lib/python3.12/multiprocessing/process.py", 108)
PARENT = (library("start", 40), user("serve", 90), user("<module>", 99))
WORKS = (user("slow", 9), library("workloop", 369), BEGINS, FORK, *PARENT)
FETCHES = (library("receive", 425), library("workloop", 357), BEGINS, FORK, *PARENT)
OWN_LOOP = (library("get", 171), user("work_off", 12), BEGINS, FORK, *PARENT)
PARENT_PROCESS = one_process(PID, samples=thread_samples([ThreadLook(PID, PARENT, call=SystemCall("futex"))]))


def child(pid: int, *stacks: Stack, **seen: object) -> ProcessRecording:
    return one_process(pid, samples=thread_samples(*[[ThreadLook(pid, one, call=SLEEP)] for one in stacks]), **seen)


def test_workers_that_sleep_in_what_a_library_called_in_nearly_all_looks_are_never_free() -> None:
    """Two workers, 60 looks each, of which one met the worker while it fetched the next piece."""
    found, sites = employed(recording(PARENT_PROCESS, child(101, *[WORKS] * 59, FETCHES), child(102, *[WORKS] * 60)))

    assert found == 2
    assert [(one.culprit.function, one.culprit.line, one.share.count, one.share.of) for one in sites] == [
        ("slow", 9, 119, 120)
    ]


@pytest.mark.parametrize("stack", [FETCHES, OWN_LOOP], ids=["fetches", "its-own-loop"])
def test_where_a_worker_waits_for_work_nothing_is_said(stack: Stack) -> None:
    """What the process was made for is no piece of work, even if the user wrote it."""
    assert employed(recording(PARENT_PROCESS, child(101, *[WORKS] * 60), child(102, *[stack] * 60))) == (0, ())


def test_workers_that_serve_requests_or_are_members_of_a_pool_are_told_by_those() -> None:
    pool = Pool(1, "job pool", "Pool", size=1, busy=1, queued=0, tids=(101,))
    owner = one_process(PID, task_looks=(TaskLook(0.0, pools=(pool,)),))
    serving = child(101, *[WORKS] * 60, routes=((WORKS[0], Route("GET", "/slow")),))

    assert employed(recording(owner, child(101, *[WORKS] * 60))) == (0, ())
    assert employed(recording(PARENT_PROCESS, serving)) == (0, ())


def test_a_family_without_workers_has_none_at_work() -> None:
    assert employed(recording(PARENT_PROCESS)) == (0, ())
