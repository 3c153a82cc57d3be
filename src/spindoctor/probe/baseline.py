"""What a process was and had used when a look began: what it became and used since is told against it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from spindoctor.errors import DoctorError, Gone, Misread
from spindoctor.model import endings
from spindoctor.model.counting import count
from spindoctor.model.heap import Heap
from spindoctor.model.process import Process
from spindoctor.model.recording import ThreadUse
from spindoctor.probe.identity import read_identity
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.processes import ProcessCounters, read_counters
from spindoctor.probe.root import is_own_root
from spindoctor.probe.threads import read_threads, thread_use


def attach(process: Process) -> Interpreter:
    """The interpreter of a process; its files have their places where they are ours, too.

    Raises:
        DoctorError: it cannot be read, or the process became another program meanwhile.
    """
    before = read_identity(process.pid)
    try:
        interpreter = Interpreter.attach(process.pid)
    except DoctorError as error:
        if read_identity(process.pid, before) != before:
            words = endings.replaced(process.pid)
            raise DoctorError(words, endings.advice(words, process.pid), error.exit_code) from error
        raise
    if is_own_root(process.pid):
        interpreter.place_files(process.cwd)
    return interpreter


def unread(interpreter: Interpreter) -> str:
    """What is said of interpreters beside the main one; "" where there are none, or the process has just ended."""
    with contextlib.suppress(Misread, Gone):
        if others := interpreter.sub_interpreters():
            return (
                f"process {interpreter.pid} has {count(others, 'sub-interpreter')} beside its main one: what "
                "their threads run is not read"
            )
    return ""


def version_of(interpreter: Interpreter) -> str:
    """The version of its Python, as 3.12.1."""
    return ".".join(str(part) for part in interpreter.version)


def sys_path(interpreter: Interpreter) -> tuple[str, ...]:
    """Where it finds modules; nothing where that cannot be read."""
    try:
        return interpreter.sys_path()
    except (Misread, Gone):
        return ()


class Baseline:
    """The state of one process at the beginning of a look."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Read it.

        Raises:
            Gone: the process has ended.
        """
        self._interpreter = interpreter
        self._pid = interpreter.pid
        self._identity = read_identity(self._pid)
        self.threads = read_threads(self._pid)
        self._counters = read_counters(self._pid)
        self._collected = self._read_collections()

    def fate(self) -> str | None:
        """What became of the process: None while it is the one that we attached to."""
        try:
            now = read_identity(self._pid, self._identity)
        except Gone:
            return self._ended()
        if now in {self._identity, (self._identity[0], 0)}:  # the latter where we lost the right to know more
            return None
        if now[0] != self._identity[0]:
            return endings.followed(self._pid)
        return endings.replaced(self._pid)

    def end(self) -> str:
        """What became of a process whose memory cannot be read any more."""
        return self.fate() or self._ended()

    def _ended(self) -> str:
        try:
            has_others = len(read_threads(self._pid)) > 1
        except Gone:
            has_others = False
        return endings.headless(self._pid) if has_others else endings.ended(self._pid)

    def used(self, names: Mapping[int, str]) -> tuple[tuple[ThreadUse, ...], ProcessCounters]:
        """What its threads, called by `names` where they have one, and the whole process used since.

        Raises:
            Gone: the process has ended.
        """
        return thread_use(self.threads, read_threads(self._pid), names), read_counters(self._pid).since(self._counters)

    def unused(self) -> ProcessCounters:
        """What is told of a process whose counters are gone: nothing more since then."""
        return self._counters.since(self._counters)

    def collections(self) -> tuple[int, ...]:
        """Garbage collections by generation since; empty where that is not kept or not readable."""
        return tuple(now - then for now, then in zip(self._read_collections(), self._collected, strict=False))

    def heap(self) -> Heap | None:
        """The collector's own counters now; None where they cannot be read."""
        try:
            return self._interpreter.collector.heap()
        except (Misread, DoctorError):
            return None

    def _read_collections(self) -> tuple[int, ...]:
        try:
            return self._interpreter.collector.collections() or ()
        except (Misread, DoctorError):
            return ()
