"""What threads call by the way is read off their states, by the line that it is defined at."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from interpreters import SUPPORTED, python

from spindoctor.cpython.tracers import Tracer, Tracers
from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live

TARGET = Path(__file__).parent / "target_traced.py"


def tracers(pid: int) -> list[Tracer]:
    """Those of all threads."""
    interpreter = Interpreter.attach(pid)
    reader = Tracers(interpreter.reader, interpreter.objects.functions)
    return [one for thread in interpreter.threads() for one in reader.of(thread.address)]


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(TARGET.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize("version", SUPPORTED)
def test_trace_and_profile_functions_are_told_apart(version: str) -> None:
    interpreter = python(version)
    with subprocess.Popen(interpreter.command(interpreter.place(TARGET)), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = tracers(process.pid)
        finally:
            process.kill()

    told = {one.kind: (one.function.function.rpartition(".")[2], one.function.line) for one in found}
    assert told == {"trace": ("on_line", line_of("def on_line")), "profile": ("on_call", line_of("def on_call"))}
    assert len(found) == 2
