"""`dump` and `record` on real processes: what they say is what the program does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cases import started
from interpreters import every_python, python

from spindoctor import store

pytestmark = pytest.mark.live
TARGET = Path(__file__).with_name("target_views.py")
SPINDOCTOR = [sys.executable, "-m", "spindoctor"]
PLAIN = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
NO_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATEST_S = 20


@contextmanager
def standing(version: str, *ways: str) -> Iterator[tuple[int, dict[str, Any]]]:
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(TARGET), *ways)) as (pid, told):
        yield pid, told


def spin(*arguments: str, **environment: str) -> str:
    return subprocess.run(
        [*SPINDOCTOR, *arguments], env=PLAIN | environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def by_tid(process: dict[str, Any], told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    names = {tid: name for name, tid in told["tids"].items()}
    return {names.get(one["tid"], "main"): one for one in process["threads"]}


def every_task(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in tasks:
        yield one
        yield from every_task(one.get("awaits", []))


@every_python
def test_a_dump_tells_what_each_thread_and_task_does(version: str) -> None:
    with standing(version) as (pid, told):
        (process,) = json.loads(spin("dump", str(pid), "--json", "--locals"))["processes"]

    threads = by_tid(process, told)
    assert threads["receive"]["doing"] == "in recvfrom"
    assert threads["receive"]["waits_on"].endswith(f"(tcp to 127.0.0.1:{told['port']})")
    assert threads["poll"]["doing"] == "in poll"
    assert threads["poll"]["waits_on"].endswith(f"(tcp to 127.0.0.1:{told['port']})")
    assert threads["hold"]["doing"].startswith("sleeps, in ")
    assert threads["lock"]["doing"].startswith("waits for a lock (_thread.lock)")
    assert f"hold ({told['tids']['hold']}) at hold (" in threads["lock"]["doing"]
    assert threads["pool"]["doing"] == "idle in its executor pool, waits for work"
    still = [name for name in ("receive", "poll", "hold", "lock", "pool") if threads[name]["is_still_all_along"]]
    assert still == ["receive", "poll", "hold", "lock", "pool"]

    where = threads["receive"]["stack"][0]
    assert where["function"] == "receive"
    assert where["source"].strip() == "peer.recv(1)"
    assert (where["locals"]["password"], where["locals"]["visible"]) == ("***", "'seen'")

    awaited = [[inner["coroutine"] for inner in one.get("awaits", ())] for one in every_task(process["tasks"])]
    assert ["leaf"] * 3 in awaited


@every_python
def test_one_busy_thread_has_the_gil_and_nobody_else_runs(version: str) -> None:
    with standing(version, "compute") as (pid, told):
        (process,) = json.loads(spin("dump", str(pid), "--json", "--threads"))["processes"]

    threads = by_tid(process, told)
    assert threads["compute"]["state"] == "python"
    assert {name for name, one in threads.items() if one["looks_on_cpu"] > one["looks"] / 2} == {"compute"}


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, NO_LOCALE], ids=["plain", "no-color", "no-locale"])
def test_a_dump_in_a_pipe_is_plain_text_of_eighty_columns(environment: dict[str, str]) -> None:
    with standing("3.12") as (pid, _):
        text = spin("dump", str(pid), **environment)

    assert "\x1b" not in text
    assert text.isascii()
    assert [line for line in text.splitlines() if len(line) > 80 and "/" not in line] == []


@pytest.mark.parametrize(
    "command", ["top PID --once", "diagnose PID --seconds 1 --fail-on never", "explain deadlock", "lab", ""]
)
def test_without_a_terminal_and_a_locale_every_list_is_plain_text_of_eighty_columns(command: str) -> None:
    with standing("3.12") as (pid, _):
        text = spin(*command.replace("PID", str(pid)).split(), **NO_LOCALE)

    assert text.isascii()
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if len(line) > 80 and "/" not in line] == []


@pytest.fixture
def listening() -> Iterator[None]:
    """A shell starts what runs in the background with interrupts ignored, and so are its children's: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_what_was_seen_until_ctrl_c_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.spinrec"
    with standing("3.12", "compute") as (pid, _):
        command = [*SPINDOCTOR, "record", str(pid), "--seconds", "60", "-o", str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as recorder:
            assert recorder.stderr
            assert recorder.stderr.readline() == f"spindoctor: pid {pid}: looking\n"
            time.sleep(0.5)  # some looks
            recorder.send_signal(signal.SIGINT)
            recorder.send_signal(signal.SIGINT)  # who is impatient, and a shell that tells the whole group
            said = recorder.communicate(timeout=LATEST_S)[1]

    assert recorder.returncode == 130
    assert f"wrote {path} (spinrec)" in said
    assert store.load(path).looks > 10


def test_stacks_are_the_same_by_themselves_and_in_a_recording_of_all(tmp_path: Path) -> None:
    """What is written as stacks at once is read without all that a diagnosis needs."""
    with standing("3.13", "compute") as (pid, _):
        for name in ("a.spinrec", "at-once.folded"):
            spin("record", str(pid), "--seconds", "1", "-o", str(tmp_path / name))

    spin("export", str(tmp_path / "a.spinrec"), "-o", str(tmp_path / "exported.folded"))
    for name in ("exported.folded", "at-once.folded"):
        lines = (tmp_path / name).read_text().splitlines()
        computing = sum(int(line.rpartition(" ")[2]) for line in lines if ";compute" in line)
        assert 500 < computing < 1100, name
