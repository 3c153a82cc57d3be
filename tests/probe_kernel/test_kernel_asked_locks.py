"""Locks that are asked for again and again: who asks, for which file, and who has got past those who ask."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.cpython.frames import RawFrame
from spindoctor.model.frames import Frame
from spindoctor.model.locks import Member, SharedLock
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.probe import asked_locks as asked
from spindoctor.probe.asked_locks import asked_locks, sleeps_natively
from spindoctor.probe.pipes import Watched

ASKS = SystemCall("clock_nanosleep", (0, 0, 0x7F00))
ME = os.getpid()


def raw(line: int, function: str = "put", file: str = "/srv/app.py") -> RawFrame:
    fake: Any = SimpleNamespace(frame=Frame(function, file, line))
    return cast("RawFrame", fake)


def look(pid: int = ME, *, call: SystemCall | None = ASKS, **lines: int) -> tuple[SharedLock, ...]:
    """Threads in `put`, each at its line; those at line 8 are asleep in `call`."""
    stacks = {int(name.removeprefix("t")): (raw(line),) for name, line in lines.items()}
    looks = {
        tid: ThreadLook(tid, (one.frame for one in frames), call=call if frames[0].frame.line == 8 else None)  # type: ignore[arg-type]
        for tid, frames in stacks.items()
    }
    nothing: Any = None
    return asked_locks([Watched(pid, nothing, looks, stacks, {}, nothing, [])])


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    """A database that is open four times here; the first of them has begun to write, so the kernel lists a lock."""
    path = tmp_path / "shop.db"
    held = [sqlite3.connect(path, isolation_level=None) for _ in range(4)]
    held[0].execute("create table t(n)")
    held[0].execute("begin immediate")
    yield str(path)
    for one in held:
        one.close()


@pytest.mark.parametrize(
    ("call", "is_native"),
    [
        (ASKS, True),
        (SystemCall("nanosleep", (0x7F00, 0)), True),
        (SystemCall("clock_nanosleep", (1, 1, 0x7F00)), False),
        (SystemCall("clock_nanosleep"), False),
        (SystemCall("pselect6", (0, 0, 0, 0)), False),
        (None, False),
    ],
)
def test_a_sleep_until_a_time_is_pythons_own(call: SystemCall | None, is_native: bool) -> None:  # noqa: FBT001 - expected
    assert sleeps_natively(call) is is_native


def test_who_stands_behind_the_line_of_those_who_ask_has_the_lock(base: str) -> None:
    """Three ask, one has it: each has the file open, four times in all."""
    (lock,) = look(t7=8, t8=8, t9=8, t10=9)

    askers = (Member(ME, 7), Member(ME, 8), Member(ME, 9))
    assert (lock.type_name, lock.waiters, lock.holder) == (f"file lock {base}", askers, Member(ME, 10))


@pytest.mark.parametrize("others", [{}, {"t10": 7}, {"t10": 9, "t11": 9}], ids=["nobody", "before it", "two of them"])
@pytest.mark.usefixtures("base")
def test_without_just_one_behind_that_line_only_the_process_is_known(others: dict[str, int]) -> None:
    (lock,) = look(t7=8, **others)

    assert lock.holder == Member(ME, 0)


@pytest.mark.usefixtures("base")
def test_a_file_that_is_open_fewer_times_than_there_are_threads_is_none_that_they_ask_for() -> None:
    """Four who ask and one who has it would have it open five times."""
    assert look(t7=8, t8=8, t9=8, t10=8) == ()


def test_a_lock_in_a_file_beside_it_counts_for_the_file_that_each_has_open(tmp_path: Path) -> None:
    """With a write-ahead log the lock lies in `shop.db-shm`, which a process opens once."""
    path = tmp_path / "shop.db"
    held = [sqlite3.connect(path, isolation_level=None) for _ in range(3)]
    held[0].execute("pragma journal_mode=wal")
    held[0].execute("create table t(n)")
    for one in held[1:]:
        one.execute("select * from t").fetchall()
    held[0].execute("begin immediate")

    (lock,) = look(t7=8, t8=8)

    assert lock.type_name == f"file lock {path}-shm"
    for one in held:
        one.close()


@pytest.mark.usefixtures("base")
def test_who_sleeps_by_pythons_own_call_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(asked, "try_text")

    assert look(call=SystemCall("clock_nanosleep", (1, 1, 0x7F00)), t7=8) == ()


def test_a_lock_by_flock_is_asked_for_by_nobody(tmp_path: Path) -> None:
    """As of a file with the pid of a server, which its workers inherit: any of their threads may sleep."""
    with (tmp_path / "server.pid").open("w") as file, (tmp_path / "server.pid").open():
        fcntl.flock(file, fcntl.LOCK_EX)

        assert look(t7=8) == ()


@pytest.mark.parametrize(
    ("one", "other", "is_beside"),
    [
        ("/srv/app.db", "/srv/app.db", True),
        ("/srv/app.db-shm", "/srv/app.db", True),
        ("/srv/app.db.lock", "/srv/app.db", True),
        ("/srv/apps", "/srv/app", False),
        ("/srv/app/data", "/srv/app", False),
    ],
)
def test_a_file_is_beside_another_by_its_name(*, one: str, other: str, is_beside: bool) -> None:
    files = [asked._File(path, inode, 1) for inode, path in enumerate((one, other))]

    assert asked._is_beside(*files) is is_beside


def test_a_lock_that_two_processes_have_at_files_with_one_number_is_told_of_none(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = Path(base).stat().st_ino
    rows = [f"{n}: POSIX ADVISORY WRITE {pid} fe:0{n}:{inode} 0 EOF\n" for n, pid in ((1, ME), (2, ME + 1))]
    monkeypatch.setattr(asked, "try_text", lambda _: rows[0])
    assert look(t7=8)
    monkeypatch.setattr(asked, "try_text", lambda _: "".join(rows))

    assert look(t7=8) == ()


def test_a_process_that_cannot_be_looked_at_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "try_text", lambda _: "1: POSIX ADVISORY WRITE 7 fe:00:77 0 EOF\n")

    assert look(pid=2**22 + 1, t7=8) == ()
