"""Who keeps the modification times of source files is seen from far down the stack, however long their paths are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from interpreters import SUPPORTED, python

from spindoctor.model.switches import WatchedFiles
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.settings import SettingsReader

pytestmark = pytest.mark.live

TARGET = Path(__file__).parent / "target_reloader.py"


def watched(pid: int) -> tuple[WatchedFiles, ...]:
    """What the only thread of a sleeping process keeps."""
    interpreter = Interpreter.attach(pid)
    reader = SettingsReader(interpreter)
    stack = interpreter.stack(interpreter.threads()[0].address)
    reader.seek_watched({pid: stack.frames})
    return reader.watched_files


@pytest.mark.parametrize("kind", ["path", "text"])
@pytest.mark.parametrize("version", SUPPORTED)
def test_the_times_of_source_files_are_found_in_an_outer_frame(version: str, kind: str) -> None:
    interpreter = python(version)
    command = interpreter.command(interpreter.place(TARGET), kind)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            (found,) = watched(process.pid)
        finally:
            process.kill()

    assert (found.name, found.count, found.holder.function.rpartition(".")[2]) == ("kept", 30, "run")
    assert found.example.endswith("module_0.py")
