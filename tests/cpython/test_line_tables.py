"""Lines: worked out by hand for each encoding, and as every interpreter itself has them for its standard library."""

from __future__ import annotations

import json
import subprocess

import pytest
from cases import HERE
from interpreters import every_python, python

from spindoctor.cpython.linetable import find_line


def test_a_table_of_3_9_counts_addresses_and_lines() -> None:
    table = bytes([4, 1, 6, 3, 0, 127, 2, 256 - 2])

    found = [find_line(table, 10, instruction, 9) for instruction in (0, 3, 4, 9, 10, 12, 200)]

    assert found == [10, 10, 11, 11, 141, 139, 139]


def test_a_table_of_3_10_has_spans_and_instructions_without_line() -> None:
    table = bytes([4, 0, 2, 128, 6, 2])

    found = [find_line(table, 5, instruction, 10) for instruction in (0, 2, 4, 6, 11, 12)]

    assert found == [5, 5, 0, 7, 7, 0]


def test_a_table_of_3_11_has_five_kinds_of_entries() -> None:
    short = bytes([0x80 | 0 << 3 | 0, 0x11])  # one unit, same line
    one_line = bytes([0x80 | 11 << 3 | 1, 3, 9])  # two units, next line
    no_columns = bytes([0x80 | 13 << 3 | 0, 7])  # one unit, minus three lines: (3 << 1) | 1
    none = bytes([0x80 | 15 << 3 | 0])
    long = bytes([0x80 | 14 << 3 | 0, 0x40 | 8, 1, 0, 1, 1])  # (8 | 1 << 6) >> 1 = 36 lines on
    table = short + one_line + no_columns + none + long

    found = [find_line(table, 20, instruction, 11) for instruction in range(0, 14, 2)]

    assert found == [20, 21, 21, 18, 0, 54, 0]


def test_before_the_first_instruction_the_line_is_that_of_the_definition() -> None:
    assert find_line(b"", 42, -2, 12) == 42


@pytest.mark.live
@every_python
def test_every_line_of_the_standard_library_is_what_the_interpreter_says(version: str) -> None:
    interpreter = python(version)
    script = interpreter.place(HERE / "target_lines.py")
    answer = subprocess.run(interpreter.command(script), capture_output=True, text=True, check=True)
    codes = json.loads(answer.stdout)

    assert len(codes) > 500
    for name, table, first_line, expected in codes:
        raw = bytes.fromhex(table)
        for instruction, line in expected:
            assert find_line(raw, first_line, instruction, int(version[2:])) == (line or 0), (name, instruction)
