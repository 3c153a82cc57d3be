"""The clock of a loop that libev runs, in a memory made by hand."""

from __future__ import annotations

import struct
import time

import pytest

from spindoctor.cpython.layout import Layout
from spindoctor.cpython.memory import Image
from spindoctor.cpython.reader import Reader
from spindoctor.probe.libev import MOST_WORDS, turn_clock
from spindoctor.probe.libuv import FIELDS_AT

LOOP, STRUCT, OTHER = 0x1000, 0x8000, 0x9000
LAYOUT = Layout((3, 12), "x86_64-linux", {"pyobject.ob_type": 8}, {}, {}, 0)


def reader(real: float, monotonic: float, apart: float) -> Reader:
    """A wrapping object whose twentieth field is the pointer, behind one to something else."""
    fields = [0] * MOST_WORDS
    fields[3], fields[7], fields[19] = OTHER, 41, STRUCT
    blocks = [
        (LOOP, bytes(FIELDS_AT) + struct.pack(f"<{MOST_WORDS}Q", *fields)),
        (STRUCT, struct.pack("<4d", real, monotonic - 0.2, monotonic, apart)),
        (OTHER, struct.pack("<4d", 1.0, 2.0, 3.0, -2.0)),
    ]
    return Reader(Image(blocks), LAYOUT)


def test_the_turn_is_when_it_began_by_the_monotonic_clock() -> None:
    now = time.time()

    clock = turn_clock(reader(now, 9583.5, now - 9583.5), LOOP)

    assert clock is not None
    assert clock.turn() == 9583.5


@pytest.mark.parametrize(
    ("age_s", "apart_s"), [(0.0, 5.0), (800 * 86_400.0, 0.0), (-3600.0, 0.0), (float("nan"), 0.0)],
    ids=["no sum", "long ago", "in the future", "no number"],
)  # fmt: skip
def test_what_is_no_clock_of_the_present_is_none(age_s: float, apart_s: float) -> None:
    real = time.time() - age_s

    assert turn_clock(reader(real, 9583.5, real - 9583.5 + apart_s), LOOP) is None


def test_an_object_that_cannot_be_read_has_no_clock() -> None:
    assert turn_clock(reader(0.0, 0.0, 0.0), 0x666000) is None
