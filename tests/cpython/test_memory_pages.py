"""Reading by whole pages: the same bytes as without, in fewer system calls, and never for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindoctor.cpython.memory import Copier, Range
from spindoctor.cpython.pages import MAX_PAGES, PAGE, Pages
from spindoctor.cpython.snapshot import Snapshot
from spindoctor.errors import Unreadable

MAPPED = 4 * PAGE, 8 * PAGE
"""The only addresses that can be read."""


class Counting:
    """Memory in which a byte tells its address and how often it was changed; counts system calls."""

    def __init__(self, mapped: tuple[int, int] = MAPPED) -> None:
        self.mapped = mapped
        self.calls = 0
        self.changes = 0

    def _one(self, address: int, size: int) -> bytes:
        if not self.mapped[0] <= address <= address + size <= self.mapped[1]:
            raise Unreadable("not mapped")
        return bytes((place * 7 + self.changes) % 251 for place in range(address, address + size))

    def read(self, address: int, size: int) -> bytes:
        self.calls += 1
        return self._one(address, size)

    def read_many(self, ranges: list[Range]) -> list[bytes]:
        self.calls += 1
        return [self._one(*one) for one in ranges]

    def prepare(self, ranges: list[Range]) -> Copier:
        return lambda: b"".join(self.read_many(ranges))


def outcome(memory: object, ranges: list[Range]) -> list[bytes] | str:
    try:
        return memory.read_many(ranges)  # type: ignore[attr-defined, no-any-return]
    except Unreadable:
        return "unreadable"


RANGES = st.lists(st.tuples(st.integers(0, 10 * PAGE), st.integers(0, 3 * PAGE)), max_size=6)


@given(first=RANGES, second=RANGES)
def test_pages_give_what_the_memory_gives(first: list[Range], second: list[Range]) -> None:
    plain, pages = Counting(), Pages(Counting())

    for ranges in (first, second):
        assert outcome(pages, ranges) == outcome(plain, ranges)


@given(address=st.integers(-(1 << 65), 1 << 65), size=st.integers(0, 1 << 20))
def test_any_address_is_read_or_refused(address: int, size: int) -> None:
    pages, plain = Pages(Counting()), Counting()
    try:
        expected: bytes | None = plain.read(address, size)
    except Unreadable:
        expected = None

    if expected is None:
        with pytest.raises(Unreadable):
            pages.read(address, size)
    else:
        assert pages.read(address, size) == expected


def test_what_lies_on_one_page_costs_one_system_call() -> None:
    memory = Counting()
    pages = Pages(memory)

    pages.read(4 * PAGE, 8)
    pages.read(4 * PAGE + 100, 8)
    pages.read_many([(4 * PAGE + 200, 8), (5 * PAGE - 8, 8)])

    assert memory.calls == 1


def test_missing_pages_come_from_one_system_call() -> None:
    memory = Counting()

    Pages(memory).read_many([(4 * PAGE, 8), (5 * PAGE, 8), (7 * PAGE - 4, 8)])

    assert memory.calls == 1


def test_no_page_is_kept_beyond_the_number_that_is_kept() -> None:
    memory = Counting((0, (MAX_PAGES + 2) * PAGE))
    pages = Pages(memory)
    for number in range(MAX_PAGES + 1):
        pages.read(number * PAGE, 8)
    memory.changes += 1

    assert pages.read(0, 8) == memory.read(0, 8)


def test_a_snapshot_reads_by_pages_only_while_it_holds_them() -> None:
    memory = Counting()
    snapshot = Snapshot(memory)
    snapshot.hold()
    before = snapshot.read(4 * PAGE, 8)
    memory.changes += 1

    held = snapshot.read(4 * PAGE, 8)
    snapshot.drop()

    assert held == before
    assert snapshot.read(4 * PAGE, 8) == memory.read(4 * PAGE, 8) != before


def test_what_was_held_before_is_read_anew() -> None:
    memory = Counting()
    snapshot = Snapshot(memory)
    snapshot.hold()
    snapshot.read(4 * PAGE, 8)
    snapshot.drop()
    memory.changes += 1

    snapshot.hold()

    assert snapshot.read(4 * PAGE, 8) == memory.read(4 * PAGE, 8)


def test_pages_that_are_fetched_come_from_one_system_call_and_are_read_from_none() -> None:
    memory = Counting()
    pages = Pages(memory)
    wanted = [4 * PAGE + 16, 5 * PAGE + 32, 5 * PAGE + 64]

    pages.fetch(wanted)
    found = [pages.read(address, 8) for address in wanted]

    assert memory.calls == 1
    assert found == [memory.read(address, 8) for address in wanted]


def test_where_one_page_cannot_be_read_or_they_are_many_nothing_is_fetched_and_each_is_read_alone() -> None:
    memory = Counting()
    pages = Pages(memory)

    pages.fetch([4 * PAGE, 5 * PAGE, MAPPED[1] + PAGE])
    pages.fetch([4 * PAGE + number * PAGE for number in range(MAX_PAGES + 1)])

    assert pages.read(4 * PAGE, 8) == memory.read(4 * PAGE, 8)
    with pytest.raises(Unreadable):
        pages.read(MAPPED[1] + PAGE, 8)


def test_a_snapshot_fetches_only_while_it_holds_pages() -> None:
    memory = Counting()
    snapshot = Snapshot(memory)

    snapshot.fetch([4 * PAGE, 5 * PAGE])
    assert memory.calls == 0

    snapshot.hold()
    snapshot.fetch([4 * PAGE, 5 * PAGE])
    assert memory.calls == 1
