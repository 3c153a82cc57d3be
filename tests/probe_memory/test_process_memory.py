"""Reading memory: our own, which everybody may read."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess

import pytest

from spindoctor.cpython.memory import Image, Memory
from spindoctor.errors import Forbidden, Gone, Unreadable
from spindoctor.probe import memory as room
from spindoctor.probe.memory import MAX_RANGES, MemFile, ProcessMemory, open_memory

TEXT = bytes(range(256)) * 16


@pytest.fixture(params=[ProcessMemory, MemFile], ids=["call", "file"])
def memory(request: pytest.FixtureRequest) -> Memory:
    """Our own memory, read in each way."""
    found: Memory = request.param(os.getpid())
    return found


@pytest.fixture
def address() -> int:
    """Where `TEXT` lies in our memory."""
    buffer = ctypes.create_string_buffer(TEXT, len(TEXT))
    _kept.append(buffer)
    return ctypes.addressof(buffer)


_kept: list[object] = []


def test_a_range_comes_back_exactly(memory: Memory, address: int) -> None:
    assert memory.read(address + 3, 700) == TEXT[3:703]


def test_many_ranges_come_back_in_their_order(memory: Memory, address: int) -> None:
    blocks = memory.read_many([(address + 100, 5), (address, 3), (address + 7, 0), (address + 100, 5)])

    assert blocks == [TEXT[100:105], TEXT[:3], b"", TEXT[100:105]]


def test_more_ranges_than_one_call_takes_are_read_all_the_same(memory: Memory, address: int) -> None:
    blocks = memory.read_many([(address + n % 256, 2) for n in range(2 * MAX_RANGES + 10)])

    assert len(blocks) == 2 * MAX_RANGES + 10
    assert blocks[-1] == TEXT[(2 * MAX_RANGES + 9) % 256 :][:2]


def test_no_ranges_are_no_bytes(memory: Memory) -> None:
    assert memory.read_many([]) == []


def test_a_range_larger_than_the_buffer_is_read(memory: Memory) -> None:
    large = ctypes.create_string_buffer(b"x" * (1 << 20), 1 << 20)

    assert memory.read(ctypes.addressof(large), 1 << 20) == large.raw


@pytest.mark.parametrize("nowhere", [0, 8, -8, 1 << 47, (1 << 64) - 8, 1 << 70])
def test_what_is_not_mapped_is_unreadable(memory: Memory, nowhere: int) -> None:
    with pytest.raises(Unreadable):
        memory.read(nowhere, 8)


def test_one_bad_range_makes_all_unreadable(memory: Memory, address: int) -> None:
    with pytest.raises(Unreadable):
        memory.read_many([(address, 8), (8, 8), (address, 8)])


def dead_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_a_process_that_has_ended_is_gone() -> None:
    with pytest.raises(Gone):
        ProcessMemory(dead_pid()).read(4096, 8)
    with pytest.raises(Gone):
        MemFile(dead_pid())


def test_a_refusal_by_the_kernel_names_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> int:
        ctypes.set_errno(errno.EPERM)
        return -1

    monkeypatch.setattr(room, "_process_vm_readv", lambda: refuse)

    with pytest.raises(Forbidden) as refused:
        ProcessMemory(os.getpid()).read(4096, 8)
    assert refused.value.hint


def test_where_the_call_is_missing_the_file_is_read(monkeypatch: pytest.MonkeyPatch, address: int) -> None:
    def missing(*_: int) -> int:
        ctypes.set_errno(errno.ENOSYS)
        return -1

    monkeypatch.setattr(room, "_process_vm_readv", lambda: missing)

    memory = open_memory(os.getpid(), address)

    assert isinstance(memory, MemFile)
    assert memory.read(address, 4) == TEXT[:4]


def refusing(*_: int) -> int:
    ctypes.set_errno(errno.EPERM)
    return -1


def test_where_the_call_alone_is_filtered_the_file_is_read(monkeypatch: pytest.MonkeyPatch, address: int) -> None:
    monkeypatch.setattr(room, "_process_vm_readv", lambda: refusing)

    memory = open_memory(os.getpid(), address)

    assert isinstance(memory, MemFile)
    assert memory.read(address, 4) == TEXT[:4]


@pytest.mark.parametrize("of_the_file", [Forbidden("no", "help"), Unreadable("no")])
def test_where_both_ways_are_refused_the_calls_refusal_is_told(
    monkeypatch: pytest.MonkeyPatch, address: int, of_the_file: Exception
) -> None:
    def closed(_pid: int) -> MemFile:
        raise of_the_file

    monkeypatch.setattr(room, "_process_vm_readv", lambda: refusing)
    monkeypatch.setattr(room, "MemFile", closed)

    with pytest.raises(Forbidden, match="does not let us read the memory"):
        open_memory(os.getpid(), address)


def test_an_image_gives_what_lies_within_a_block() -> None:
    image = Image([(4096, b"abcdef"), (8192, b"xyz")])

    assert image.read(4098, 3) == b"cde"
    assert image.read_many([(8192, 3), (4096, 1)]) == [b"xyz", b"a"]
    for address, size in ((4095, 2), (4100, 3), (0, 1), (8195, 1)):
        with pytest.raises(Unreadable):
            image.read(address, size)
