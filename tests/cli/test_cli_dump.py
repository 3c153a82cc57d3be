"""`dump`: what it looks at, and what it prints where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ended import Ended
from fake_session import RECORDING, FakeSession

from spindoctor import store
from spindoctor.model.closeup import Extras
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook

Spin = Callable[..., Ended]
SEEN = replace(RECORDING, processes=(ProcessRecording(42, samples=(Sample(0.0, (ThreadLook(42),)),)),))


@pytest.fixture(autouse=True)
def seen(session: FakeSession) -> None:
    session.recording = SEEN


def test_dump_prints_the_threads_on_stdout(spin: Spin) -> None:
    ended = spin("dump", "42", "-q")

    assert ended.out.startswith("pid 42 (python app.py), Python 3.12.3\n")
    assert "no Python code in this thread" in ended.out
    assert (ended.code, ended.err) == (0, "")


def test_dump_looks_a_second_and_closely_at_the_end(spin: Spin, session: FakeSession) -> None:
    spin("dump", "--port", "80")

    assert session.asked == [(None, 80, None), (42, 1.0, 100.0)]
    assert session.asked_extras == Extras(asks_routes=True, ends_close=True)


def test_variables_are_read_only_where_they_are_asked_for(spin: Spin, session: FakeSession) -> None:
    spin("dump", "42", "--locals")

    assert session.asked_extras.reads_values


def test_json_is_json_and_nothing_else(spin: Spin) -> None:
    assert json.loads(spin("dump", "42", "--json").out)["format"] == 1


@pytest.mark.parametrize(("option", "absent"), [("--threads", "Tasks, each"), ("--tasks", "Threads, the")])
def test_one_part_alone(spin: Spin, option: str, absent: str) -> None:
    assert absent not in spin("dump", "42", option).out


def test_a_recording_is_dumped_without_its_target(spin: Spin, session: FakeSession, tmp_path: Path) -> None:
    store.save(SEEN, tmp_path / "a.spinrec")

    ended = spin("dump", str(tmp_path / "a.spinrec"))

    assert ended.out == spin("dump", "42").out
    assert session.asked == [(42, None, None), (42, 1.0, 100.0)]


def test_a_dump_in_a_file_leaves_stdout_empty(spin: Spin, tmp_path: Path) -> None:
    ended = spin("dump", "42", "-o", str(tmp_path / "a.txt"))

    assert ended.out == ""
    assert (tmp_path / "a.txt").read_text().startswith("pid 42")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


def test_an_interrupted_dump_is_printed_with_its_own_code(spin: Spin, session: FakeSession) -> None:
    session.recording = replace(SEEN, is_interrupted=True)

    ended = spin("dump", "42")

    assert "interrupted" in ended.out
    assert ended.code == 130


def test_how_the_process_ended_is_told(spin: Spin, session: FakeSession) -> None:
    process = replace(SEEN.processes[0], ended="Process 42 ended while it was looked at.")
    session.recording = replace(SEEN, processes=(process,))

    ended = spin("dump", "42")

    assert "Process 42 ended while it was looked at. What was seen until then follows." in ended.err
    assert ended.code == 0


def test_no_look_at_all_is_no_success(spin: Spin, session: FakeSession) -> None:
    session.recording = RECORDING

    ended = spin("dump", "42", "-q")

    assert (ended.code, ended.out) == (3, "")
    assert "no look at process 42 succeeded" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dump", "42", "--port", "80"], "PID, --port and --name exclude each other"),
        (["dump", "a.spinrec", "--locals"], "variables are read from a live process"),
        (["dump", "--seconds", "0"], "0 is not from 0.1"),
    ],
)
def test_wrong_usage_is_said_before_the_look(
    spin: Spin, session: FakeSession, arguments: list[str], words: str
) -> None:
    ended = spin(*arguments)

    assert words in " ".join(ended.err.split())
    assert ended.code == 2
    assert session.asked == []


def test_a_redacted_dump_hides_the_command(spin: Spin) -> None:
    assert "/srv" not in spin("dump", "42", "--json", "--redact").out
