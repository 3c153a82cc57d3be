"""A recording comes back from its file exactly, and no other file is taken for one."""

from __future__ import annotations

import dataclasses
import os
import stat
import types
import zlib
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spindoctor import store
from spindoctor.errors import DoctorError, ExitCode
from spindoctor.model.frames import Frame
from spindoctor.model.process import Machine, Process, Target
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import Sample, SystemCall, ThreadLook
from spindoctor.store import interning

LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=5),
    bool: st.booleans(),
    types.NoneType: st.none(),
    Frame: st.sampled_from([Frame("a", "a.py", 1), Frame("b", "b.py", 0), Frame("c\udcff", "\udce4.py", 2**40)]),
}


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type
    """Any value of a type made of dataclasses, tuples, unions and plain types: every field is varied."""
    if kind in LEAVES:
        return LEAVES[kind]
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{one.name: values(hints[one.name]) for one in dataclasses.fields(kind)})
    members = [values(one) for one in get_args(kind) if one is not Ellipsis]
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of(*members)
    assert get_origin(kind) is tuple, f"no strategy for {kind}"
    return st.lists(members[0], max_size=2).map(tuple) if get_args(kind)[-1] is Ellipsis else st.tuples(*members)


def a_recording(looks: int = 3, threads: int = 2, depth: int = 4, **changes: object) -> Recording:
    stack = tuple(Frame(f"function_{place}", "/srv/app.py", place) for place in range(depth))
    waits = SystemCall("futex", (2**64 - 1, 128))
    rows = tuple(ThreadLook(tid, stack[tid % 2 :], call=waits) for tid in range(threads))
    samples = tuple(Sample(look / 100, rows) for look in range(looks))
    process = Process(7, 70, 1.5, 1, "app", ("python", "app.py"), "/usr/bin/python3", "/srv", "www")
    recording = Recording(
        target=Target(leader=7, hot=7, processes=(process,)),
        machine=Machine(cores=2, affinity_cores=2),
        seconds=3.0,
        rate_hz=100.0,
        processes=(ProcessRecording(pid=7, samples=samples),),
    )
    return dataclasses.replace(recording, **changes)


def packed(body: bytes, number: int = 1) -> bytes:
    return store.MAGIC + number.to_bytes(4) + zlib.compress(body)


@given(values(Recording))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_recording_comes_back_as_it_was(recording: Recording) -> None:
    assert interning.decode(interning.encode(recording)) == recording


def test_a_saved_recording_is_loaded_as_it_was(tmp_path: Path) -> None:
    recording = a_recording()
    path = tmp_path / "a.spinrec"

    store.save(recording, path)

    assert store.load(path) == recording


def test_names_that_are_no_utf8_come_back_as_they_were(tmp_path: Path) -> None:
    recording = a_recording(notes=("/srv/\udce4\udcf6 \u4e2d",))

    store.save(recording, tmp_path / "a")

    assert store.load(tmp_path / "a") == recording


def test_the_same_stack_is_one_object_after_loading(tmp_path: Path) -> None:
    store.save(a_recording(looks=2), tmp_path / "a")

    first, second = store.load(tmp_path / "a").processes[0].samples

    assert first.threads[0].stack is second.threads[0].stack


def test_a_stack_seen_again_costs_less_than_forty_bytes_unpacked() -> None:
    """300 looks at 30 threads 40 deep: 9,000 stacks, of which 2 differ; a look names the stack by its place."""
    few, many = (len(interning.encode(a_recording(looks, 30, 40))) for looks in (1, 300))
    calls_and_names = len(
        msgspec.msgpack.encode({"tid": 1, "stack": 0, "call": {"name": "futex", "arguments": [0] * 2}})
    )

    each = (many - few) / (299 * 30)

    assert each < calls_and_names + 40


def test_a_file_without_a_newer_field_takes_its_default() -> None:
    body = msgspec.msgpack.decode(interning.encode(a_recording()))
    body["recording"].pop("notes", None)
    body["recording"]["a_field_of_the_future"] = 1

    recording = interning.decode(msgspec.msgpack.encode(body))

    assert recording == a_recording()


def test_a_recording_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store.save(a_recording(), tmp_path / "a")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DoctorError) as caught:
        store.save(a_recording(), path)

    assert "No space left on device" in caught.value.problem
    assert "free some space" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_regular_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    store.write(pipe, b"report")

    assert os.read(reader, 100) == b"report"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(reader)


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")

    store.write(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_recording_too_large_to_load_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_BYTES", 100)

    with pytest.raises(DoctorError, match="too large") as caught:
        store.save(a_recording(), tmp_path / "a")

    assert "--seconds" in caught.value.hint
    assert not list(tmp_path.iterdir())


BODY = interning.encode(a_recording(looks=1))
GOOD = packed(interning.encode(a_recording()))
WRONG_PLACE = msgspec.msgpack.decode(interning.encode(a_recording()))
WRONG_PLACE["stacks"][0][0] = 99
NEGATIVE_PLACE = msgspec.msgpack.decode(interning.encode(a_recording()))
NEGATIVE_PLACE["recording"]["processes"][0]["samples"][0]["threads"][0]["stack"] = -1

BAD_FILES = {
    "an empty file": (b"", "is no recording", "spindoctor diagnose PID --save REC"),
    "a foreign file": (b"\x7fELF" + bytes(100), "is no recording", "spindoctor diagnose PID --save REC"),
    "only the first bytes": (store.MAGIC + b"\0", "ends after its first bytes", "make it again"),
    "a newer format": (packed(b"", 2), "has format 2", "pip install --upgrade spindoctor"),
    "a format that never was": (packed(b"", 0), "never was a format 0", "make it again"),
    "no compressed part": (GOOD[:12], "ends too early", "make it again"),
    "cut in the middle": (GOOD[:-20], "ends too early", "make it again"),
    "something behind it": (GOOD + b"x", "something follows its end", "make it again"),
    "one changed byte": (GOOD[:40] + bytes([GOOD[40] ^ 255]) + GOOD[41:], "do not unpack", "make it again"),
    "no MessagePack": (packed(b"\xc1"), "of another kind", "make it again"),
    "another object": (packed(msgspec.msgpack.encode([1, 2])), "of another kind", "make it again"),
    "text that is no UTF-8": (packed(b"\x81\xa1\xff\x01"), "of another kind", "make it again"),
    "a frame that is not there": (packed(msgspec.msgpack.encode(WRONG_PLACE)), "place 99 in a table", "make it again"),
    "a negative place": (packed(msgspec.msgpack.encode(NEGATIVE_PLACE)), "place -1 in a table", "make it again"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_no_recording_is_refused_with_words_and_a_hint(case: str, tmp_path: Path) -> None:
    content, problem, hint = BAD_FILES[case]
    path = tmp_path / "a.spinrec"
    path.write_bytes(content)

    with pytest.raises(DoctorError) as caught:
        store.load(path)

    assert problem in caught.value.problem
    assert str(path) in caught.value.problem
    assert hint in caught.value.hint
    assert caught.value.exit_code == ExitCode.COULD_NOT_LOOK


def test_a_file_that_unpacks_to_more_than_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_BYTES", 1000)
    (tmp_path / "bomb").write_bytes(packed(bytes(1_000_000)))

    with pytest.raises(DoctorError, match="unpacks to more than 1,000 bytes"):
        store.load(tmp_path / "bomb")


@given(st.binary(max_size=200))
@example(b"")
def test_any_bytes_are_a_recording_or_damaged(body: bytes) -> None:
    with pytest.raises(interning.DamagedError):
        interning.decode(body)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_body_is_a_recording_or_damaged(data: st.DataObject) -> None:
    body = bytearray(BODY)
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    try:
        recording = interning.decode(bytes(body))
    except interning.DamagedError:
        return

    assert isinstance(recording, Recording)


def test_a_missing_file_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DoctorError) as caught:
        store.load(tmp_path / "none.spinrec")

    assert caught.value.problem == f"cannot read {tmp_path}/none.spinrec: No such file or directory"
    assert caught.value.hint == "check the path; its folder must exist"


def test_a_folder_cannot_be_a_recording(tmp_path: Path) -> None:
    with pytest.raises(DoctorError) as caught:
        store.load(tmp_path)

    assert caught.value.hint == "name a file, not a folder"


def test_a_folder_that_is_not_there_cannot_take_a_recording(tmp_path: Path) -> None:
    with pytest.raises(DoctorError) as caught:
        store.save(a_recording(), tmp_path / "none" / "a.spinrec")

    assert caught.value.problem == f"cannot write {tmp_path}/none/a.spinrec: No such file or directory"
