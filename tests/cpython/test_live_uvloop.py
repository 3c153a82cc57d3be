"""An event loop written in C: its tasks are read as asyncio's own, and what it hides is said to be unknown."""

from __future__ import annotations

import time

import pytest
from cases import HERE, started
from interpreters import python

from spindoctor.model.origin import is_user
from spindoctor.probe.family import find_family
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.libuv import turn_clock
from spindoctor.probe.watcher import ProcessWatch

pytestmark = pytest.mark.live

LIFE_MS = 60_000
"""The target ends by itself after this."""

MOST_TURNS = 1000
"""It has done next to nothing before it waits: fewer turns than the machine's clock shows milliseconds."""


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
        turns = clock.turn() if clock else None

    assert asked == ({thread.address: told["loop"]}, None, (told["main"],))
    assert "uvloop.loop.Loop" in names
    assert began_ms is not None
    assert 0 <= time.monotonic() * 1000 - began_ms < LIFE_MS
    assert turns is not None
    assert 0 < turns < MOST_TURNS
    assert (task.name, task.state, task.loop) == ("inner", "pending", told["loop"])
    assert [raw.frame.function for raw in chain.frames] == ["inner", "sleep"]


@pytest.mark.parametrize("version", ["3.9", "3.12"])
def test_the_running_task_tells_where_a_hidden_loops_callback_begins(version: str) -> None:
    """C code runs the loop, as in a server written in Rust: no function has it in a variable."""
    interpreter = python(version).venv(["uvloop>=0.21"])
    with started(interpreter.command(interpreter.place(HERE / "target_uvloop_hidden.py"))) as (pid, told):
        process = find_family(pid).process(pid)
        assert process is not None
        watch = ProcessWatch(process, is_user)
        for number in range(20):
            watch.look(number / 20, lambda _: False)
            time.sleep(0.05)
        looks = [(loop.loop, loop.depth) for sample in watch.samples for loop in sample.loops]
        watch.close()

    assert (told["loop"], 1) in looks
    assert {depth for _, depth in looks[1:]} == {1}


@pytest.mark.parametrize("version", ["3.8", "3.12"])
def test_a_chain_goes_on_behind_a_compiled_coroutine(version: str) -> None:
    """It ends at a future, and not at the compiled coroutine that awaits it."""
    interpreter = python(version).venv(["uvloop>=0.21" if version != "3.8" else "uvloop==0.21.0"])
    with started(interpreter.command(interpreter.place(HERE / "target_uvloop.py"))) as (pid, told):
        found = Interpreter.attach(pid)
        coroutine = found.task(told["compiled"]).coroutine
        assert coroutine is not None
        chain = found.coroutine_chain(coroutine)

    assert [raw.frame.function for raw in chain.frames] == ["through_compiled"]
    assert chain.compiled
    assert chain.end_type.endswith("Future")
