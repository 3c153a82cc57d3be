"""One copy for a look: what is learned, what is left out, and that nothing older is mixed in."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from spindoctor.cpython.memory import Copier, Image, Range
from spindoctor.cpython.snapshot import EPOCH, FIRST_EPOCH, MAX_RANGES, Snapshot
from spindoctor.errors import Unreadable
from spindoctor.probe.memory import ProcessMemory


class Counting:
    """Memory in which every byte is the number of system calls made so far."""

    def __init__(self) -> None:
        self.calls = 0
        self.copied: list[Range] = []
        self.gone = 0

    def _one(self, address: int, size: int) -> bytes:
        if self.gone and address >= self.gone:
            raise Unreadable("gone")
        return bytes([self.calls]) * size

    def read(self, address: int, size: int) -> bytes:
        self.calls += 1
        return self._one(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        self.calls += 1
        return [self._one(*one) for one in ranges]

    def prepare(self, ranges: Sequence[Range]) -> Copier:
        def copy() -> bytes:
            self.copied = list(ranges)
            return b"".join(self.read_many(ranges))

        return copy


def learned(memory: Counting) -> Snapshot:
    """A snapshot that knows the words at 4096 and at 1 << 20."""
    snapshot = Snapshot(memory)
    for _ in range(2):
        snapshot.take()
        snapshot.read(4096, 8)
        snapshot.read(1 << 20, 8)
    snapshot.take()
    return snapshot


def test_what_was_read_twice_comes_from_one_copy() -> None:
    memory = Counting()
    snapshot = learned(memory)
    before = memory.calls

    blocks = snapshot.read(4096, 8), snapshot.read(1 << 20, 8)

    assert memory.calls == before
    assert blocks[0] == blocks[1]


def test_what_is_read_once_is_not_copied() -> None:
    memory = Counting()
    snapshot = learned(memory)
    snapshot.read(1 << 30, 8)

    snapshot.take()

    assert memory.copied == [(4096, 8), (1 << 20, 8)]


def test_near_ranges_are_copied_as_one() -> None:
    memory = Counting()
    snapshot = learned(memory)

    snapshot.read_many([(4096, 8), (4096 + 1000, 8)])

    assert memory.copied == [(4096, 1008), (1 << 20, 8)]


def test_many_at_once_are_never_of_two_moments() -> None:
    memory = Counting()
    snapshot = learned(memory)

    old, new = snapshot.read_many([(4096, 8), (1 << 30, 8)])

    assert old == new
    assert snapshot.read(1 << 20, 8) == new


def test_what_has_gone_from_memory_is_learned_anew() -> None:
    memory = Counting()
    snapshot = learned(memory)
    memory.gone = 1 << 20

    snapshot.take()

    assert snapshot.read(4096, 8) == bytes([memory.calls]) * 8


def test_what_nobody_asks_for_is_left_out_after_a_while() -> None:
    memory = Counting()
    snapshot = learned(memory)

    for _ in range(2 * EPOCH):
        snapshot.take()
        snapshot.read(4096, 8)

    assert memory.copied == [(4096, 8)]


def test_what_the_first_looks_alone_asked_for_is_left_out_sooner() -> None:
    memory = Counting()
    snapshot = learned(memory)

    for _ in range(2 * FIRST_EPOCH):
        snapshot.take()
        snapshot.read(4096, 8)

    assert memory.copied == [(4096, 8)]


def test_more_than_one_call_can_copy_is_left_out_until_the_rest_fits() -> None:
    """A thousand threads are read once; the words that the next looks ask for are copied from the third on."""
    memory = Counting()
    snapshot = Snapshot(memory)
    snapshot.take()
    snapshot.read_many([(number << 20, 8) for number in range(1, MAX_RANGES + 2)])

    for _ in range(3):
        snapshot.take()
        snapshot.read(1 << 20, 8)

    assert memory.copied == [(1 << 20, 8)]


def test_without_a_copy_the_memory_is_read() -> None:
    memory = Counting()
    snapshot = learned(memory)
    snapshot.drop()
    before = memory.calls

    snapshot.read(4096, 8)

    assert memory.calls == before + 1


def test_a_copy_that_does_not_hold_together_is_made_anew() -> None:
    memory = Counting()
    snapshot = learned(memory)
    before = snapshot.read(4096, 8)

    snapshot.renew()

    assert snapshot.read(4096, 8) > before


def test_without_a_copy_there_is_nothing_to_make_anew() -> None:
    memory = Counting()
    snapshot = learned(memory)
    snapshot.drop()
    before = memory.calls

    snapshot.renew()

    assert memory.calls == before


def test_nothing_can_be_asked_for() -> None:
    """A length read while it changed can be 0; a copy of nothing must not become all that is copied."""
    snapshot = Snapshot(ProcessMemory(os.getpid()))

    for _ in range(3):
        snapshot.take()
        assert (snapshot.read(4096, 0), snapshot.read_many([(4096, 0)])) == (b"", [b""])
        snapshot.drop()


def test_an_address_that_no_program_has_is_never_copied() -> None:
    snapshot = Snapshot(Image([(0x1000, bytes(8))]))
    for _ in range(3):
        snapshot.take()
        with pytest.raises(Unreadable):
            snapshot.read((1 << 64) + 8, 8)
        with pytest.raises(Unreadable):
            snapshot.read_many([((1 << 64) - 8, 8)])

    assert snapshot.read(0x1000, 8) == bytes(8)
