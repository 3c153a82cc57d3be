"""Every way to match a regular expression is recognised while it goes on, with its pattern and the subject's length."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from interpreters import SUPPORTED, python

from spindoctor.errors import Misread
from spindoctor.model.hot import Match
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.matches import MatchReader

pytestmark = pytest.mark.live

TARGET = Path(__file__).parent / "target_matching.py"
WAYS = ("method", "function", "bound", "iterator", "scanner", "substitution")
PATIENCE_S = 10


def seen(pid: int) -> Match | None:
    """The match that the process is in, as soon as it is."""
    interpreter = Interpreter.attach(pid)
    reader, end_s = MatchReader(interpreter), time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            stack = interpreter.stack(interpreter.threads()[0].address)
            if match := reader.read(stack.frames[0]):
                return match
        except (Misread, IndexError):
            continue
    return None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", SUPPORTED)
def test_a_match_is_recognised_in_every_way_to_make_it(version: str, way: str) -> None:
    interpreter = python(version)
    command = interpreter.command(interpreter.place(TARGET), way)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            match = seen(process.pid)
        finally:
            process.kill()

    assert match is not None
    assert (match.pattern, match.subject_length) == ("(a+)+;", 40)
