"""Who waits for locks of files, as the kernel lists them, and which thread has one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Unreadable
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Member, SharedLock
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.probe import file_locks
from spindoctor.probe.file_locks import FileLockReader, Row, parse_locks, waits_for_file
from spindoctor.probe.pipes import Watched

LISTED = """\
1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 101 fe:00:77 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 102 fe:00:77 0 EOF
2: POSIX  ADVISORY  READ 100 fe:00:78 128 128
3: OFDLCK ADVISORY  WRITE -1 fe:00:79 0 EOF
3: -> OFDLCK ADVISORY  WRITE -1 fe:00:79 0 EOF
4: LEASE  BREAKING  READ 9
"""
FILE = 0x500


def test_a_lock_stands_before_those_that_wait_for_it_and_one_that_nobody_waits_for_is_left_out() -> None:
    """None of these is a lock that a process has by fcntl(2)."""
    first = [Row(pid, 77, waits=pid > 100, writes=False) for pid in (100, 101, 102)]
    without_process = [Row(-1, 79, waits=waits, writes=False) for waits in (False, True)]

    assert parse_locks(LISTED) == [tuple(first), tuple(without_process)]


@pytest.mark.parametrize("text", ["", "\n", "1:\n", "1: FLOCK\n", "1: FLOCK ADVISORY WRITE x fe:00:77 0 EOF\n"])
def test_what_is_no_list_of_locks_has_none(text: str) -> None:
    assert parse_locks(text) == []


@pytest.mark.parametrize(
    ("call", "waits"),
    [
        (SystemCall("flock", (5, 2)), True),
        (SystemCall("fcntl", (5, 7)), True),
        (SystemCall("fcntl", (5, 38)), True),
        (SystemCall("fcntl", (5, 6)), False),
        (SystemCall("fcntl", (5,)), False),
        (SystemCall("read", (5, 7)), False),
        (SystemCall("flock"), False),
        (None, False),
    ],
)
def test_only_requests_that_wait_are_waits(call: SystemCall | None, waits: bool) -> None:  # noqa: FBT001 - expected
    assert waits_for_file(call) is waits


class Objects:
    """One open file, and numbers as they are."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def type_name(self, address: int) -> str:
        return "_io.FileIO" if address == FILE else "int"

    def value(self, address: int) -> object:
        return address


def raw(function: str, **variables: int) -> RawFrame:
    """A frame; its `code` is what its variables are, for the fake interpreter below."""
    fake: Any = SimpleNamespace(frame=Frame(function, "/srv/app.py", 1), code=variables)
    return cast("RawFrame", fake)


def watched(pid: int, fd: int, stacks: dict[int, tuple[RawFrame, ...]], asleep: dict[int, SystemCall]) -> Watched:
    fake: Any = SimpleNamespace(
        objects=Objects(fd), reader=SimpleNamespace(int32=lambda _: fd), locals=lambda frame: frame.code
    )
    looks = {tid: ThreadLook(tid, call=asleep.get(tid)) for tid in stacks}
    roster: Any = None
    return Watched(pid, fake, looks, stacks, {}, roster, [])


@pytest.fixture(autouse=True)
def no_value_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake frames have variables alone."""
    contexts = SimpleNamespace(values=lambda _: ())
    monkeypatch.setattr("spindoctor.probe.holders.Contexts", lambda *_: contexts)


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, str]:
    """A file of this process's own: its descriptor, its inode and its path; the kernel lists one who waits for it."""
    path = tmp_path / "spool"
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    inode = os.fstat(fd).st_ino
    me = os.getpid()
    listed = f"1: FLOCK ADVISORY WRITE {me} fe:00:{inode} 0 EOF\n1: -> FLOCK ADVISORY WRITE {me} fe:00:{inode} 0 EOF\n"
    monkeypatch.setattr(file_locks, "try_text", lambda _: listed)
    return fd, inode, str(path)


def look(fd: int, **stacks: tuple[RawFrame, ...]) -> tuple[SharedLock, ...]:
    """One look at this process: thread 7 waits for the lock, thread 8 stands elsewhere."""
    by_tid = {int(name.removeprefix("t")): frames for name, frames in stacks.items()}
    return FileLockReader().look([watched(os.getpid(), fd, by_tid, {7: SystemCall("flock", (fd, 2))})])


@pytest.mark.parametrize("variables", [{"out": FILE}, {"lock_fd": 0}], ids=["open file", "its number"])
def test_the_thread_that_has_the_file_at_hand_has_the_lock(
    locked: tuple[int, int, str], variables: dict[str, int]
) -> None:
    fd, inode, path = locked
    kept = {name: value or fd for name, value in variables.items()}

    (lock,) = look(fd, t7=(raw("spool", out=FILE),), t8=(raw("spool", **kept),), t9=(raw("other"),))

    assert lock == SharedLock(f"file {inode}", f"file lock {path}", (Member(os.getpid(), 7),), Member(os.getpid(), 8))


def test_where_several_threads_have_the_file_at_hand_nobody_is_blamed(locked: tuple[int, int, str]) -> None:
    fd, _, _ = locked

    (lock,) = look(fd, t7=(raw("spool"),), t8=(raw("spool", out=FILE),), t9=(raw("spool", out=FILE),))

    assert lock.holder is None


def test_who_has_got_it_since_it_was_looked_at_waits_no_more(
    locked: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel lists another process behind it."""
    fd, inode, _ = locked
    first = f"1: POSIX ADVISORY WRITE {os.getpid()} fe:00:{inode} 0 EOF\n"
    monkeypatch.setattr(file_locks, "try_text", lambda _: first + f"1: -> POSIX ADVISORY WRITE 1 fe:00:{inode} 0 EOF\n")

    assert look(fd, t7=(raw("spool"),)) == ()


def test_the_only_thread_of_a_process_has_what_its_process_has(locked: tuple[int, int, str]) -> None:
    """It waits for what it has itself, through another descriptor: for ever."""
    fd, _, _ = locked

    (lock,) = look(fd, t7=(raw("spool"),))

    assert lock.holder == Member(os.getpid(), 7)


def test_who_took_it_and_has_ended_does_not_have_it(
    locked: tuple[int, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child inherited the open file."""
    fd, inode, _ = locked
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    rows = ((ended.pid, ""), (os.getpid(), "-> "))
    listed = "".join(f"1: {arrow}FLOCK ADVISORY WRITE {pid} fe:00:{inode} 0 EOF\n" for pid, arrow in rows)
    monkeypatch.setattr(file_locks, "try_text", lambda _: listed)

    (lock,) = look(fd, t7=(raw("spool"),))

    assert (lock.waiters, lock.holder) == ((Member(os.getpid(), 7),), None)


def test_nobody_is_asked_where_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(file_locks, "try_text")

    assert look(3, t8=(raw("spool"),)) == ()


@pytest.mark.parametrize("kind", [fcntl.flock, fcntl.lockf], ids=["flock", "lockf"])
def test_the_kernel_lists_a_process_that_waits_for_our_lock(tmp_path: Path, kind: Any) -> None:  # noqa: ANN401
    """The child waits until it is listed; the holder is this process, which is none that is watched."""
    path = tmp_path / "spool"
    with path.open("w") as mine:
        kind(mine, fcntl.LOCK_EX)
        begin = "import fcntl, sys; f = open(sys.argv[1], 'w'); print(f.fileno(), flush=True)"
        code = f"{begin}; fcntl.{kind.__name__}(f, 2)"
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
            try:
                fd = int(child.stdout.readline()) if child.stdout else 0
                call = SystemCall("flock", (fd, 2)) if kind is fcntl.flock else SystemCall("fcntl", (fd, 7))
                process = watched(child.pid, fd, {child.pid: (raw("spool"),)}, {child.pid: call})
                found: set[Member | None] = set()
                for _ in range(10_000):  # it is listed as soon as it waits
                    found.update(lock.holder for lock in FileLockReader().look([process]))
                    if found:
                        break
            finally:
                child.kill()

    assert Member(os.getpid(), 0) in found


def test_a_process_that_has_ended_waits_for_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    process = watched(ended.pid, 3, {ended.pid: (raw("spool"),)}, {ended.pid: SystemCall("flock", (3, 2))})

    assert FileLockReader().look([process]) == ()
    assert list(file_locks._descriptors_of(ended.pid, 1)) == []


def test_a_number_that_cannot_be_read_is_no_descriptor(locked: tuple[int, int, str]) -> None:
    fd, _, _ = locked

    def torn(_: object) -> dict[str, int]:
        raise Unreadable(0, 8)

    process = watched(os.getpid(), fd, {7: (raw("spool"),), 8: (raw("spool", fd=fd),)}, {7: SystemCall("flock", (fd,))})
    cast("Any", process.interpreter).locals = torn

    (lock,) = FileLockReader().look([process])

    assert lock.holder is None
