"""A child forked by a coroutine has copies of its parent's frames and tasks, but runs no event loop."""

from __future__ import annotations

import os
import signal

import pytest
from cases import HERE, started
from interpreters import SUPPORTED, python

from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_loop_that_a_child_inherits_does_not_run_in_it(version: str) -> None:
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(HERE / "target_forked.py"))) as (pid, told):
        try:
            found = [Interpreter.attach(one).running_loops() for one in (pid, told["child"])]
        finally:
            os.kill(told["child"], signal.SIGKILL)

    assert [len(loops) for loops in found] == [1, 0]
