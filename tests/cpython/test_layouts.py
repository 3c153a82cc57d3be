"""Layout tables: exactly the right one or none, and what a target publishes about itself is not believed unchecked."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interpreters import find_interpreters

from spindoctor.cpython.layout import (
    ASYNCIO_NAMES,
    COOKIE,
    SUPPORTED,
    Layout,
    add_asyncio,
    complete_layout,
    load_layout,
)
from spindoctor.errors import DoctorError

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import make_layouts

PUBLISHING = [(3, 13), (3, 14), (3, 15)]
FRAME = {"executable": 0, "previous": 8, "instr_ptr": 56, "owner": 74, "localsplus": 80, "stackpointer": 64}


def word_of(version: tuple[int, int]) -> int:
    return version[0] << 24 | version[1] << 16 | 0xF0


def published(layout: Layout, **changed: int) -> bytes:
    """A table as an interpreter of this version could publish it: members in a row, structures of 512 bytes."""
    table = bytearray(layout.published_size)
    table[:8] = COOKIE
    for name, position in layout.published.items():
        structure, _, member = name.partition(".")
        value = 512 if member == "size" else FRAME.get(member, 8) if structure == "interpreter_frame" else 16
        value = {"version": word_of(layout.version), "free_threaded": 0}.get(name, value)
        if name != "cookie":
            table[position : position + 8] = struct.pack("<Q", changed.get(name, value))
    return bytes(table)


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_supported_version_has_its_layout(version: tuple[int, int]) -> None:
    layout = load_layout(version)

    assert layout.version == version
    assert layout["gil.size"] > layout["gil.switch_number"]


@pytest.mark.parametrize(
    ("version", "platform"), [((3, 7), "x86_64-linux"), ((3, 16), "x86_64-linux"), ((3, 12), "aarch64-linux")]
)
def test_an_unknown_interpreter_is_refused_with_a_hint(version: tuple[int, int], platform: str) -> None:
    with pytest.raises(DoctorError) as refused:
        load_layout(version, platform)

    assert platform in refused.value.problem
    assert "3.8 to 3.15" in refused.value.hint


@pytest.mark.parametrize("version", PUBLISHING)
def test_a_sound_table_completes_the_layout(version: tuple[int, int]) -> None:
    layout = load_layout(version)

    complete = complete_layout(layout, published(layout), word_of(version) + 0x0500)

    assert complete["interpreter_frame.instr_ptr"] == 56
    assert complete["thread_state.datastack_top"] == complete["thread_state.datastack_chunk"] + 8


@pytest.mark.parametrize("version", PUBLISHING)
@pytest.mark.parametrize(
    "changed",
    [
        {"free_threaded": 1},
        {"version": 0x030900F0},
        {"thread_state.current_frame": 512},
        {"interpreter_frame.owner": 1 << 40},
        {"interpreter_state.size": 1 << 62},
        {"interpreter_frame.previous": 60},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_table_that_cannot_be_is_refused(version: tuple[int, int], changed: dict[str, int]) -> None:
    layout = load_layout(version)

    with pytest.raises(DoctorError):
        complete_layout(layout, published(layout, **changed), word_of(version))


@given(table=st.binary(min_size=584, max_size=584), keeps_head=st.booleans())
def test_any_bytes_complete_the_layout_or_are_refused(table: bytes, keeps_head: bool) -> None:  # noqa: FBT001
    layout = load_layout((3, 13))
    if keeps_head:
        table = published(layout)[:24] + table[24:]

    try:
        complete = complete_layout(layout, table, word_of((3, 13)))
    except DoctorError:
        return
    assert all(value <= 1 << 23 for name, value in complete.offsets.items() if "." in name and "debugger" not in name)


def test_a_table_of_another_length_is_refused() -> None:
    layout = load_layout((3, 14))

    with pytest.raises(DoctorError):
        complete_layout(layout, published(layout)[:-8], word_of((3, 14)))


def asyncio_table(**changed: int) -> bytes:
    values = dict.fromkeys(ASYNCIO_NAMES, 0)
    sizes = {name: 512 for name in ASYNCIO_NAMES if name.endswith(".size")}
    known = {"task_object.coro": 136, "task_object.is_task": 100, "task_object.awaited_by_is_set": 101}
    return struct.pack(f"<{len(ASYNCIO_NAMES)}Q", *{**values, **sizes, **known, **changed}.values())


def test_what_asyncio_publishes_gives_the_neighbours_too() -> None:
    layout = add_asyncio(load_layout((3, 14)), asyncio_table())

    assert layout["task_object.fut_waiter"] == 128
    assert layout["task_object.num_cancels_requested"] == 120
    assert layout["future_object.state"] == 96


@pytest.mark.parametrize(
    "changed", [{"task_object.coro": 600}, {"task_object.coro": 8}, {"asyncio_thread_state.size": 1 << 40}]
)
def test_what_asyncio_publishes_must_fit(changed: dict[str, int]) -> None:
    with pytest.raises(DoctorError):
        add_asyncio(load_layout((3, 14)), asyncio_table(**changed))


def include_folders() -> dict[str, Path]:
    """The folders of headers that belong to the interpreters of this machine, by version."""
    script = "import sysconfig; print(sysconfig.get_path('include'))"
    found = {}
    for version, interpreter in find_interpreters().items():
        if interpreter.root is None:
            answer = subprocess.run(interpreter.command("-c", script), capture_output=True, text=True, check=True)
            found[version] = Path(answer.stdout.strip())
    return {version: path for version, path in found.items() if (path / "internal").exists()}


@pytest.mark.live
def test_the_layouts_are_what_the_generator_makes_of_the_headers() -> None:
    includes = include_folders()

    assert includes, "no interpreter here has its headers beside it"
    for version, include in includes.items():
        made, kept = make_layouts.make_layout(include), load_layout((3, int(version[2:])))
        assert made["offsets"] == kept.offsets, version
        assert made["constants"] == kept.constants, version
        assert made.get("published", {}).get("fields", {}) == kept.published, version
