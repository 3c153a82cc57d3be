"""Who a process is, and the one clear failure for each process that cannot be looked at."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_victims import AsNobody, Start, until

from spindoctor.errors import DoctorError, ExitCode, Forbidden, Gone
from spindoctor.probe import processes
from spindoctor.probe.proc import parse_stat
from spindoctor.probe.processes import (
    ProcessCounters,
    environment_names,
    is_python,
    is_same,
    is_zombie,
    read_counters,
    read_process,
)

NEVER = 4_194_305  # above the largest pid_max (2 to the 22nd)
WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"
STAT = b"7 (python) %s 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 %d 0 50 0 0 0 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0\n"


def test_of_the_environment_only_names_are_kept() -> None:
    names = environment_names(b"TOKEN=s3cret=x\0PATH=/bin\0broken\0=odd\0TOKEN=again\0")

    assert names == ("PATH", "TOKEN")


@pytest.mark.parametrize(
    ("state", "threads", "expected"), [(b"Z", 1, True), (b"Z", 3, False), (b"S", 1, False), (b"X", 1, True)]
)
def test_a_process_whose_first_thread_alone_has_ended_still_lives(state: bytes, threads: int, expected: object) -> None:
    assert is_zombie(parse_stat(STAT % (state, threads))) is expected


def test_a_difference_of_counters_keeps_the_present_memory() -> None:
    before = ProcessCounters(user_s=1.0, system_s=2.0, rss_bytes=100, major_faults=5)
    now = ProcessCounters(user_s=1.5, system_s=2.25, rss_bytes=90, major_faults=8)

    assert now.since(before) == ProcessCounters(user_s=0.5, system_s=0.25, rss_bytes=90, major_faults=3)
    assert now.since(before).cpu_s == 0.75


@pytest.mark.live
def test_a_python_is_read_with_its_names_and_start(start: Start) -> None:
    earlier = time.time()
    victim = start(WAITS, "--flag", environment={"SECRET": "value", "PATH": "/bin"})

    process = read_process(victim.pid)

    assert (process.pid, process.parent_pid, process.cwd) == (victim.pid, os.getpid(), str(Path.cwd()))
    assert (process.command[0], process.command[-1]) == (sys.executable, "--flag")
    assert {"SECRET", "PATH"} <= set(process.environment)
    assert process.executable == os.path.realpath(sys.executable)
    assert abs(process.started_at - earlier) < 5
    assert is_same(process)


@pytest.mark.live
def test_a_pid_that_was_used_again_is_another_process(start: Start) -> None:
    process = read_process(start(WAITS).pid)

    assert not is_same(replace(process, start_ticks=process.start_ticks - 1))


@pytest.mark.live
def test_a_pid_that_never_existed_and_one_that_has_ended_are_gone(start: Start) -> None:
    victim = start(WAITS)
    process = read_process(victim.pid)
    victim.end()

    for pid in (NEVER, victim.pid):
        with pytest.raises(Gone) as failure:
            read_process(pid)
        assert failure.value.problem == f"There is no process {pid}."
        assert failure.value.exit_code == ExitCode.COULD_NOT_LOOK
    assert not is_same(process)
    with pytest.raises(Gone):
        read_counters(victim.pid)


@pytest.mark.live
def test_a_zombie_is_told_from_a_process_that_is_gone() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)

    try:
        with pytest.raises(DoctorError, match="zombie") as failure:
            read_process(child)
    finally:
        os.waitpid(child, 0)
    assert str(os.getpid()) in failure.value.hint


@pytest.mark.live
def test_a_thread_id_is_answered_with_its_process() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()

    try:
        with pytest.raises(DoctorError, match=f"is a thread of process {os.getpid()}"):
            read_process(thread.native_id or 0)
    finally:
        stop.set()
        thread.join()


@pytest.mark.live
def test_what_is_no_python_is_refused_unless_it_is_only_a_relative() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleep:
        try:
            assert until(lambda: read_process(sleep.pid, is_target=False).name == "sleep")
            with pytest.raises(DoctorError, match="no Python process"):
                read_process(sleep.pid)
        finally:
            sleep.kill()


def test_a_thread_of_the_kernels_own_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"15 (rcu_preempt) I 2 0 0 0 -1 2129984 0 0 0 0 0 9 0 0 20 0 1 0 10 0 0" + b" 0" * 28
    monkeypatch.setattr(processes, "read_stat", lambda _: parse_stat(line))

    with pytest.raises(DoctorError, match=r"15 \(rcu_preempt\) is a thread of the kernel's own"):
        read_process(15)


@pytest.mark.live
def test_another_users_process_is_forbidden_with_a_command_that_helps(as_nobody: AsNobody) -> None:
    victim = os.getpid()

    def attempt() -> str:
        with pytest.raises(Forbidden) as refused:
            read_process(victim)
        return refused.value.hint

    assert f"diagnose {victim}" in as_nobody(attempt)


@pytest.mark.live
def test_another_users_process_that_looks_like_no_python_is_said_to_be_none(as_nobody: AsNobody) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:

        def attempt() -> str:
            with pytest.raises(DoctorError) as refused:
                read_process(sleeper.pid)
            return refused.value.problem

        try:
            assert "does not look like Python, and the kernel does not let us look closer" in as_nobody(attempt)
        finally:
            sleeper.kill()


@pytest.mark.live
def test_another_users_process_is_still_described_as_a_relative(as_nobody: AsNobody) -> None:
    victim = os.getpid()

    def attempt() -> str:
        relative = read_process(victim, is_target=False)
        return f"{relative.executable!r} {relative.environment!r} {relative.command[0]}"

    own = Path("/proc/self/cmdline").read_bytes().partition(b"\0")[0].decode()
    assert as_nobody(attempt) == f"'' () {own}"


@pytest.mark.live
def test_a_program_that_embeds_python_is_known_by_what_it_has_mapped(start: Start, tmp_path: Path) -> None:
    service = tmp_path / "service"
    shutil.copy(os.path.realpath(sys.executable), service)
    environment = {"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"}
    victim = start(f"import _ctypes, select, _socket; {WAITS}", python=str(service), environment=environment)

    assert victim.words == ["ready"]
    assert is_python(victim.pid)


@pytest.mark.live
def test_a_stopped_python_is_read_all_the_same(start: Start) -> None:
    victim = start(WAITS)
    os.kill(victim.pid, signal.SIGSTOP)

    assert read_process(victim.pid).pid == victim.pid
