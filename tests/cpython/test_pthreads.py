"""The kernel's id of a thread, found in blocks laid out by hand."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any, cast

from spindoctor.cpython.pthreads import BLOCK, kernel_ids
from spindoctor.cpython.reader import Reader
from spindoctor.errors import Unreadable

ONE, TWO = 0x10000, 0x20000


def block(**places: int) -> bytes:
    """A thread's block with these numbers; `at_720=4711` lies at 720."""
    data = bytearray(b"\xaa" * BLOCK)
    for name, number in places.items():
        struct.pack_into("<i", data, int(name.removeprefix("at_")), number)
    return bytes(data)


def reader(blocks: dict[int, bytes]) -> Reader:
    def read(address: int, size: int) -> bytes:
        if address not in blocks:
            raise Unreadable(address, size)
        return blocks[address]

    fake: Any = SimpleNamespace(read=read)
    return cast("Reader", fake)


def told(blocks: dict[int, bytes], *tids: int) -> dict[int, int]:
    return kernel_ids(reader(blocks), list(blocks), set(tids))


def test_the_place_that_holds_an_id_in_every_block_is_the_one() -> None:
    """At 40 the first block has an id by chance, and the second has not."""
    blocks = {ONE: block(at_720=4711, at_40=4712), TWO: block(at_720=4712)}

    assert told(blocks, 4711, 4712) == {ONE: 4711, TWO: 4712}


def test_a_thread_that_has_ended_or_cannot_be_read_does_not_hide_the_others() -> None:
    assert told({ONE: block(at_208=4711), TWO: block(at_208=0)}, 4711) == {ONE: 4711}
    assert kernel_ids(reader({ONE: block(at_208=4711)}), [ONE, TWO], {4711}) == {ONE: 4711}


def test_two_places_that_tell_different_things_tell_nothing() -> None:
    blocks = {ONE: block(at_720=4711, at_40=4712), TWO: block(at_720=4712, at_40=4711)}

    assert told(blocks, 4711, 4712) == {}
