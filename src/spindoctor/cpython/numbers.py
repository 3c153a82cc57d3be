"""Integers, floats and bytes of the target."""

from __future__ import annotations

import struct

from spindoctor.cpython.reader import Reader, signed_at, word_at
from spindoctor.errors import Misread

MAX_DIGITS = 4096  # 30 bits each
DIGIT_BITS = 30
TAG_SIGN_MASK, TAG_NEGATIVE, TAG_SHIFT = 3, 2, 3  # `lv_tag` of PyLongObject, 3.12+ (Include/internal/pycore_long.h)
TAGGED_SINCE = 12


class Numbers:
    """Decodes `int` (and `bool`), `float` and `bytes` objects."""

    def __init__(self, reader: Reader) -> None:
        layout = reader.layout
        self._reader = reader
        self._is_tagged = layout.minor >= TAGGED_SINCE
        self._size = layout["long_object.lv_tag"] if self._is_tagged else layout["var_object.ob_size"]
        self._digits = layout["long_object.ob_digit"]
        self._fval = layout["float_object.ob_fval"]
        self._bytes_size = layout["bytes_object.ob_size"]
        self._bytes_start = layout["bytes_object.ob_sval"]

    def integer(self, address: int) -> int:
        """Return the value of an `int`."""
        head = self._reader.read(address + self._size, 8)
        if self._is_tagged:
            tag = word_at(head)[0]
            count, is_negative = tag >> TAG_SHIFT, tag & TAG_SIGN_MASK == TAG_NEGATIVE
        else:
            size = signed_at(head)[0]
            count, is_negative = abs(size), size < 0
        if count > MAX_DIGITS:
            raise Misread(f"an int of {count} digits at {address:#x}")
        digits = struct.unpack(f"<{count}I", self._reader.read(address + self._digits, 4 * count))
        value: int = sum(digit << DIGIT_BITS * place for place, digit in enumerate(digits))
        return -value if is_negative else value

    def real(self, address: int) -> float:
        """Return the value of a `float`."""
        value: float = struct.unpack("<d", self._reader.read(address + self._fval, 8))[0]
        return value

    def octets(self, address: int, limit: int) -> bytes:
        """Return the first `limit` bytes of a `bytes`."""
        size = self._reader.word(address + self._bytes_size)
        return self._reader.read(address + self._bytes_start, min(size, limit))
