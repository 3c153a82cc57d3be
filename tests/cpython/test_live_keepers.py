"""An event loop that keeps its tasks in an object of its own: its tasks are read, and whose step it is in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from cases import HERE, started
from interpreters import SUPPORTED, python

from spindoctor.cpython.stacks import RawStack
from spindoctor.model.recording import ThreadUse
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.tasks import BARE_YIELD, KEPT
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.keepers import KeeperWatch
from spindoctor.probe.kept_tasks import KeptTasks
from spindoctor.probe.requests import RouteFinder

pytestmark = pytest.mark.live


@pytest.mark.parametrize("version", SUPPORTED)
def test_its_tasks_are_told_by_what_they_wait_for_and_a_step_by_its_task(version: str) -> None:
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(HERE / "target_keeper.py"))) as (pid, _):
        target = Interpreter.attach(pid)
        (state,) = target.threads()
        stack = target.stack(state.address)
        watch = KeeperWatch(target)
        watch.follow({pid})
        (seen,) = watch.looks({pid: stack}, {pid: ThreadLook(pid)})
        book = KeptTasks(target, cast("RouteFinder", SimpleNamespace(find=lambda _: None)))
        tasks, count = book.look(watch.keepers, most=100, first_s=60.0, later_s=60.0)
        queued = book.queued(watch.keepers)
        watch.steps = book.steps
        sleep = SystemCall("epoll_wait", (3, 0, 0, 0))
        (again,) = watch.looks({pid: RawStack(stack.frames, stack.is_complete)}, {pid: ThreadLook(pid, call=sleep)})
        (asleep,) = watch.looks(
            {pid: RawStack(stack.frames[1:], stack.is_complete)}, {pid: ThreadLook(pid, call=sleep)}
        )

    told = {one.coroutine: one for one in tasks}
    assert count == len(tasks) == 5
    assert {name: one.waits_on for name, one in told.items()} == {
        "waits": "Wait",
        "polls": BARE_YIELD,
        "receives": "Channel",
        "queues": "Lock",
        "holds": None,
    }
    assert {one.name for one in tasks} == set(told)
    assert [one.function for one in told["polls"].chain][-1] == "polls"
    asks = {one.coroutine: book.asking[one.address][0].frame.function.rpartition(".")[2] for one in tasks}
    assert (asks["queues"], asks["waits"], asks["polls"]) == ("acquire", "_yield", "_yield")
    assert {one.task for one in queued} == {told["polls"].address, told["receives"].address}
    assert {one.loop for one in (*tasks, *queued)} == {seen.loop}
    assert (seen.task, seen.depth, seen.turn is not None, seen.ready) == (told["holds"].address, 1, True, 2)
    assert (again.task, again.polls) == (seen.task, False)
    assert (asleep.task, asleep.polls) == (None, True)
    use = watch.with_keeper(ThreadUse(pid, "MainThread", "python"))
    assert use is not None
    assert (use.loop, use.loop_type) == (seen.loop, KEPT)
