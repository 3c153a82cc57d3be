"""The engine at live programs: the stacks that Python reads, and batches that see what single looks see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cases import HERE, started
from differing import by_engine, by_python, load
from interpreters import python

from spindoctor import session
from spindoctor.model.closeup import Extras
from spindoctor.model.recording import ProcessRecording
from spindoctor.probe import batches, engine
from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live
pytest.importorskip("spindoctor_engine")

BUSY = HERE / "target_busy.py"
VERSIONS = ["3.12", "3.13", "3.14", "3.15"]
PATIENCE_S = 10
LEAST = 0.5  # of the looks: the others are Python's own, where threads come and memory goes


@contextmanager
def busy(version: str, *ways: str) -> Iterator[Interpreter]:
    """A program whose threads are busy in these ways."""
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(BUSY), *ways)) as (pid, _):
        yield Interpreter.attach(pid)


@pytest.mark.parametrize("version", VERSIONS)
def test_of_a_program_that_waits_both_read_the_same(version: str) -> None:
    """What the engine is told of the layout is true on a live interpreter, too; the program may not wait at once."""
    with busy(version, "block", "block") as interpreter:
        threads = [one.address for one in interpreter.threads()]
        read = engine.engine_of(interpreter, asks_awaiters=False)
        assert read is not None
        load(read, threads)
        end_s = time.monotonic() + PATIENCE_S
        while (found := by_engine(read, interpreter)) != (told := by_python(interpreter, threads)):
            assert time.monotonic() < end_s
            time.sleep(0.05)

    assert found == told
    assert len(told) == 3
    assert all(one and one[0] and one[1] for one in told)


@pytest.mark.parametrize("version", ["3.12", "3.15"])
def test_looks_in_batches_see_the_functions_that_single_looks_see(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    run = batches.Batches.run

    def counted(self: batches.Batches, *given: Any) -> batches.Ahead | None:
        ahead = run(self, *given)
        made.append(ahead.made if ahead else 0)
        return ahead

    monkeypatch.setattr(batches.Batches, "run", counted)
    with busy(version, "count", "drive", "block") as interpreter:
        fast = look(interpreter.pid)
        in_batches = sum(made)
        monkeypatch.setattr(engine, "compiled", lambda: None)
        plain = look(interpreter.pid)

    assert in_batches >= LEAST * len(fast.samples)
    assert sum(made) == in_batches  # none without the engine
    assert {"count", "drive", "block"} <= functions(fast)
    assert functions(fast) & {"count", "drive", "block"} == functions(plain) & {"count", "drive", "block"}
    assert {look.tid for look in fast.samples[-1].threads} == {look.tid for look in plain.samples[-1].threads}
    assert any(look.call and look.call.name == "futex" for look in fast.samples[-1].threads)


def look(pid: int) -> ProcessRecording:
    """The stacks of one process, as `record` reads them."""
    recording = session.look(pid, seconds=1.0, extras=Extras(asks_routes=True, is_profile=True))
    return recording.processes[0]


def functions(seen: ProcessRecording) -> set[str]:
    """The functions that were met on any stack."""
    return {frame.function for sample in seen.samples for one in sample.threads for frame in one.stack}
