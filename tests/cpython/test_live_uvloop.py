"""An event loop written in C: its tasks are read as asyncio's own, and what it hides is said to be unknown."""

from __future__ import annotations

import time

import pytest
from cases import HERE, started
from interpreters import python

from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.libuv import turn_clock

pytestmark = pytest.mark.live

LIFE_MS = 60_000
"""The target ends by itself after this."""


@pytest.mark.parametrize("version", ["3.12", "3.14"])
def test_tasks_on_uvloop_are_read(version: str) -> None:
    interpreter = python(version).venv(["uvloop>=0.21"])
    with started(interpreter.command(interpreter.place(HERE / "target_uvloop.py"))) as (pid, told):
        found = Interpreter.attach(pid)
        thread = next(one for one in found.threads() if one.pthread_id == told["ident"])
        task = found.task(told["task"])
        assert task.coroutine is not None
        chain = found.coroutine_chain(task.coroutine)
        asked = found.running_loops(), found.asyncgens(told["loop"]), found.awaited_by(told["task"])
        names = found.objects.type_names(told["loop"])
        clock = turn_clock(found.reader, told["loop"])
        began_ms = clock.now_ms() if clock else None

    assert asked == ({thread.address: told["loop"]}, None, (told["main"],))
    assert "uvloop.loop.Loop" in names
    assert began_ms is not None
    assert 0 <= time.monotonic() * 1000 - began_ms < LIFE_MS
    assert (task.name, task.state, task.loop) == ("inner", "pending", told["loop"])
    assert [raw.frame.function for raw in chain.frames] == ["inner", "sleep"]
