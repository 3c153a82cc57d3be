"""`record` and `export`: which form a file gets, and what happens when there is nothing to write."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ended import Ended
from fake_session import RECORDING, FakeSession

from spindoctor import store
from spindoctor.model.closeup import Extras
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import Sample, ThreadLook

Spin = Callable[..., Ended]
SEEN = replace(RECORDING, processes=(ProcessRecording(42, samples=(Sample(0.0, (ThreadLook(42),)),)),))

STARTS = {
    "a.html": b"<!DOCTYPE html>",
    "a.HTML": b"<!DOCTYPE html>",
    "a.speedscope.json": b'{"$schema":"https://www.speedscope.app/file-format-schema.json"',
    "a.folded": b"pid 42 (leader);",
    "a.txt": b"pid 42 (leader);",
    "a.pb.gz": b"\x1f\x8b",
    "a.trace.json": b'{"traceEvents":',
    "a.firefox.json": b'{"meta":',
    "a.spinrec": store.MAGIC,
}
"""What a file begins with, by its name."""


@pytest.fixture
def seen(session: FakeSession) -> Recording:
    session.recording = SEEN
    return SEEN


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.usefixtures("seen")
def test_the_ending_of_the_name_chooses_the_form(spin: Spin, tmp_path: Path, name: str) -> None:
    ended = spin("record", "42", "-q", "-o", str(tmp_path / name))

    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert (tmp_path / name).read_bytes().startswith(STARTS[name])


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.usefixtures("seen")
def test_only_what_a_form_shows_is_read(spin: Spin, session: FakeSession, tmp_path: Path, name: str) -> None:
    """A recording can be judged and dumped later; the other forms show stacks, tasks and requests alone."""
    spin("record", "42", "-q", "-o", str(tmp_path / name))

    assert session.asked_extras == Extras(asks_routes=True, is_profile=not name.endswith(".spinrec"))


@pytest.mark.parametrize("name", STARTS)
def test_a_saved_recording_is_exported_to_the_same_bytes(
    spin: Spin, session: FakeSession, tmp_path: Path, name: str
) -> None:
    session.recording = SEEN
    saved = tmp_path / "saved.spinrec"
    store.save(SEEN, saved)

    spin("record", "42", "-o", str(tmp_path / f"live-{name}"))
    ended = spin("export", str(saved), "-o", str(tmp_path / f"saved-{name}"))

    assert ended.code == 0
    assert (tmp_path / f"live-{name}").read_bytes() == (tmp_path / f"saved-{name}").read_bytes()


@pytest.mark.usefixtures("seen")
def test_the_form_can_be_named(spin: Spin, tmp_path: Path) -> None:
    ended = spin("record", "42", "--format", "pprof", "-o", str(tmp_path / "a.bin"))

    assert ended.err.endswith(f"1 look in 3.0 s; wrote {tmp_path}/a.bin (pprof)\n")
    assert b"looks" in gzip.decompress((tmp_path / "a.bin").read_bytes())


def test_record_looks_ten_seconds_and_asks_for_the_route_of_each_look(
    spin: Spin, session: FakeSession, seen: Recording, tmp_path: Path
) -> None:
    del seen
    spin("record", "--port", "80", "-o", str(tmp_path / "a.html"))

    assert session.asked == [(None, 80, None), (42, 10.0, 100.0)]
    assert session.asked_extras.asks_routes


def test_what_was_seen_until_ctrl_c_is_written(spin: Spin, session: FakeSession, tmp_path: Path) -> None:
    session.recording = replace(SEEN, is_interrupted=True)

    ended = spin("record", "42", "-o", str(tmp_path / "a.speedscope.json"))

    assert ended.code == 130
    assert json.loads((tmp_path / "a.speedscope.json").read_text())["profiles"]


def test_how_the_process_ended_is_told(spin: Spin, session: FakeSession, tmp_path: Path) -> None:
    process = replace(SEEN.processes[0], ended="Process 42 ended while it was looked at.")
    session.recording = replace(SEEN, processes=(process,))

    ended = spin("record", "42", "-o", str(tmp_path / "a.folded"))

    assert "Process 42 ended while it was looked at." in ended.err
    assert (tmp_path / "a.folded").exists()


def test_no_look_writes_no_file(spin: Spin, tmp_path: Path) -> None:
    ended = spin("record", "42", "-o", str(tmp_path / "a.html"))

    assert ended.code == 3
    assert "no look at process 42 succeeded" in ended.err
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "42"], "Missing option '--output'"),
        (["record", "42", "-o", "a.json"], "a.json does not end with one of .html"),
        (["record", "42", "--name", "x", "-o", "a.html"], "PID, --port and --name exclude each other"),
        (["record", "42", "--format", "svg", "-o", "a.html"], "'--format'"),
        (["export", "a.spinrec", "--before", "b.spinrec", "-o", "a.folded"], "a comparison is a flame graph"),
    ],
)
def test_wrong_usage_is_said_before_the_look(
    spin: Spin, session: FakeSession, arguments: list[str], words: str
) -> None:
    ended = spin(*arguments)

    assert words in " ".join(ended.err.split())
    assert ended.code == 2
    assert session.asked == []


def test_a_comparison_is_drawn_from_two_recordings(spin: Spin, tmp_path: Path) -> None:
    for name in ("before", "after"):
        store.save(SEEN, tmp_path / name)

    ended = spin(
        "export", str(tmp_path / "after"), "--before", str(tmp_path / "before"), "-o", str(tmp_path / "a.html")
    )

    assert ended.code == 0
    assert '"compares":true' in (tmp_path / "a.html").read_text()
