"""Between the call of a class and its `__init__` stands a frame of the interpreter's own: no stack shows it."""

from __future__ import annotations

import subprocess
import time

import pytest
from interpreters import SUPPORTED, python

from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live

PROGRAM = """
import time
class Handler:
    def __init__(self, seconds):
        time.sleep(seconds)
def serve():
    for number in range(200):
        if number == 199:
            print("warm", flush=True)
        Handler(30 if number == 199 else 0)
serve()
"""
PATIENCE_S = 10
WANTED = ["__init__", "serve", "<module>"]


def functions(pid: int) -> list[str]:
    interpreter = Interpreter.attach(pid)
    interpreter.place_files("/srv/shop")
    frames = interpreter.stack(interpreter.threads()[0].address).frames
    return [raw.frame.function.rpartition(".")[2] for raw in frames]


def settled(pid: int) -> list[str]:
    """The stack, once it is the wanted one, or as it is when patience ends: a program has to get there first."""
    end_s, found = time.monotonic() + PATIENCE_S, list[str]()
    while found != WANTED and time.monotonic() < end_s:
        try:
            found = functions(pid)
        except (Misread, IndexError):
            continue
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("version", [one for one in SUPPORTED if one in {"3.11", "3.13", "3.15"}])
def test_the_frame_between_a_class_and_its_beginning_is_left_out(version: str) -> None:
    command = python(version).command("-c", PROGRAM)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = settled(process.pid)
        finally:
            process.kill()

    assert found == WANTED
