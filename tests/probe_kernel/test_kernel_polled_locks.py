"""Locks of files that Python code polls: who sleeps with the path of a locked file at hand."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Member, SharedLock
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.probe.pipes import Watched
from spindoctor.probe.polled_locks import PolledLockReader, sleeps_by_python

ME = os.getpid()
SLEEPS = SystemCall("clock_nanosleep", (1, 1, 0x7F00))
NATIVE = SystemCall("clock_nanosleep", (0, 0, 0x7F00))
LIBRARY = "/usr/lib/python3/dist-packages/locks/file.py"


class Interpreter:
    """Gives frames the variables that a test hands it; addresses are the values themselves, numbered."""

    def __init__(self, variables: dict[str, dict[str, Any]]) -> None:
        self.variables = variables
        self.values: list[Any] = []
        self.reads = 0
        self.objects = self

    def _put(self, value: object) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def locals(self, raw: RawFrame) -> dict[str, int]:
        self.reads += 1
        if raw.frame.function not in self.variables:
            raise Misread("torn")
        return {name: self._put(value) for name, value in self.variables[raw.frame.function].items()}

    def type_name(self, address: int) -> str:
        return type(self.values[address]).__name__

    def value(self, address: int, _depth: int, _limit: int) -> object:
        return self.values[address]

    def attributes(self, address: int) -> dict[str, int]:
        return {name: self._put(value) for name, value in vars(self.values[address]).items()}


def raw(function: str, file: str, number: int) -> RawFrame:
    fake: Any = SimpleNamespace(frame=Frame(function, file, number), address=number, code=number)
    return cast("RawFrame", fake)


def asking(
    variables: dict[str, dict[str, Any]], *, call: SystemCall = SLEEPS, name: str = "FileLock.acquire", pid: int = ME
) -> Watched:
    """A thread that sleeps in a library's function which the user's `index` has called."""
    frames = (raw(name, LIBRARY, 1), raw("index", "/srv/app.py", 2), raw("run", "/usr/lib/python3.12/threading.py", 3))
    look = ThreadLook(7, tuple(one.frame for one in frames), call=call)
    nothing: Any = None
    target: Any = Interpreter(variables)
    return Watched(pid, target, {7: look}, {7: frames}, {}, nothing, [])


def look(watched: Watched) -> tuple[SharedLock, ...]:
    return PolledLockReader().look([watched])


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A file at which another process has a lock, and that process."""
    path = tmp_path / "index.lock"
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield str(path), holder.pid
        assert holder.stdin is not None
        holder.stdin.close()


@pytest.mark.parametrize(
    ("call", "by_python"),
    [
        (SLEEPS, True),
        (SystemCall("select", (0, 0, 0, 0)), True),
        (SystemCall("select", (5, 0, 0, 0)), False),
        (NATIVE, False),
        (None, False),
    ],
)
def test_a_sleep_of_pythons_own_is_told(call: SystemCall | None, by_python: bool) -> None:  # noqa: FBT001 - expected
    assert sleeps_by_python(call) is by_python


@pytest.mark.parametrize(
    "shape", ["variable", "bytes", "attribute", "inner"], ids=["a variable", "bytes", "of self", "of an object of self"]
)
def test_who_sleeps_with_the_path_of_a_locked_file_asks_for_it(locked: tuple[str, int], shape: str) -> None:
    path, holder = locked
    own = {
        "variable": {"filename": path},
        "bytes": {"filename": os.fsencode(path)},
        "attribute": {"self": SimpleNamespace(path=path)},
        "inner": {"self": SimpleNamespace(_context=SimpleNamespace(lock_file=path))},
    }[shape]
    (lock,) = look(asking({"FileLock.acquire": own, "index": {}}))

    assert lock.name.startswith("polled ")
    assert (lock.type_name, lock.waiters, lock.holder) == (f"file lock {path}", (Member(ME, 7),), Member(holder, 0))


def test_without_a_function_that_is_called_so_it_may_be_a_sleep_of_another_kind(locked: tuple[str, int]) -> None:
    (lock,) = look(asking({"tail": {"path": locked[0]}, "index": {}}, name="tail"))

    assert lock.name.startswith("asked ")


@pytest.mark.parametrize(
    ("variables", "call"),
    [
        ({"FileLock.acquire": {"filename": "/srv/none.lock"}, "index": {}}, SLEEPS),
        ({"FileLock.acquire": {"n": 3, "other": object()}, "index": {}}, SLEEPS),
        ({"FileLock.acquire": {"filename": "a\0b"}, "index": {}}, SLEEPS),
        ({}, SLEEPS),
        ({"FileLock.acquire": {"filename": "LOCKED"}, "index": {}}, NATIVE),
    ],
    ids=["no such file", "no path", "garbage", "torn", "native code sleeps"],
)
def test_whoever_has_no_locked_file_at_hand_asks_for_none(
    locked: tuple[str, int], variables: dict[str, dict[str, Any]], call: SystemCall
) -> None:
    given = {
        name: {key: locked[0] if one == "LOCKED" else one for key, one in held.items()}
        for name, held in variables.items()
    }

    assert look(asking(given, call=call)) == ()


def test_the_users_own_sleep_with_a_lock_of_its_process_is_no_question(tmp_path: Path) -> None:
    path = tmp_path / "mine.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        frames = (raw("index", "/srv/app.py", 2),)
        nothing: Any = None
        target: Any = Interpreter({"index": {"path": str(path)}})
        looks = {7: ThreadLook(7, (frames[0].frame,), call=SLEEPS)}

        assert look(Watched(ME, target, looks, {7: frames}, {}, nothing, [])) == ()


def test_what_is_at_hand_is_read_once(locked: tuple[str, int]) -> None:
    reader, watched = PolledLockReader(), asking({"FileLock.acquire": {"filename": locked[0]}, "index": {}})

    assert len(reader.look([watched])) == len(reader.look([watched])) == 1
    assert cast("Any", watched.interpreter).reads == 2
