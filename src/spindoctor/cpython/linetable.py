"""From an instruction to its line: the three encodings CPython has had.

Sources: Objects/lnotab_notes.txt of 3.8 to 3.10 (3.10: PEP 626), Objects/locations.md and PEP 657 for 3.11 and later.
"""

from __future__ import annotations

from collections.abc import Iterator

LINETABLE_SINCE, LOCATIONS_SINCE = 10, 11
NO_LINE = -128  # the 3.10 table's mark for instructions of no line
LONG, NO_COLUMNS, ONE_LINE, NONE = 14, 13, 10, 15  # location codes of 3.11+
CODE_UNIT = 2  # bytes


def find_line(table: bytes, first_line: int, instruction: int, minor: int) -> int:
    """Return the line of the instruction at this offset in bytes; 0 where it has none or the table does not know it."""
    if instruction < 0:
        return first_line
    if minor < LINETABLE_SINCE:
        return _find_in_lnotab(table, first_line, instruction)
    spans = _locations(table, first_line) if minor >= LOCATIONS_SINCE else _spans(table, first_line)
    end = 0
    for size, line in spans:
        end += size
        if instruction < end:
            return line
    return 0


def _find_in_lnotab(table: bytes, first_line: int, instruction: int) -> int:
    line, address = first_line, 0
    for step, delta in zip(table[::2], table[1::2], strict=False):
        address += step
        if address > instruction:
            break
        line += delta - 256 if delta > 127 else delta  # noqa: PLR2004 - a signed byte
    return line


def _spans(table: bytes, first_line: int) -> Iterator[tuple[int, int]]:
    """Yield (bytes, line) of the 3.10 table."""
    line = first_line
    for size, byte in zip(table[::2], table[1::2], strict=False):
        delta = byte - 256 if byte > 127 else byte  # noqa: PLR2004 - a signed byte
        line += 0 if delta == NO_LINE else delta
        yield size, 0 if delta == NO_LINE else line


def _locations(table: bytes, first_line: int) -> Iterator[tuple[int, int]]:
    """Yield (bytes, line) of the 3.11+ location table: each entry begins with a byte whose top bit is set."""
    line, position = first_line, 0
    while position < len(table):
        head = table[position]
        code, size = head >> 3 & 15, ((head & 7) + 1) * CODE_UNIT
        position += 1
        line += _line_delta(table, position, code)
        yield size, 0 if code == NONE else line
        while position < len(table) and not table[position] & 128:
            position += 1


def _line_delta(table: bytes, position: int, code: int) -> int:
    if code in {LONG, NO_COLUMNS}:
        return _signed_varint(table, position)
    return code - ONE_LINE if ONE_LINE <= code < NO_COLUMNS else 0


def _signed_varint(table: bytes, position: int) -> int:
    """Return the number at `position`: six bits a byte, lowest first; the lowest bit of all is the sign."""
    value = shift = 0
    for byte in table[position : position + 6]:
        value |= (byte & 63) << shift
        shift += 6
        if not byte & 64:
            break
    return -(value >> 1) if value & 1 else value >> 1
