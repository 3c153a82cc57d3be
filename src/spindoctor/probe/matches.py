"""The regular expression that a frame is matching, found among the operands of the call it is in.

Matching is done in C, which has no frame of its own. While it lasts, the evaluation stack of the frame that called it
holds the method, the pattern and the arguments: `[method, pattern, subject, ...]`, or a method bound to the pattern
(Python/ceval.c, CALL and its forms; Modules/_sre/sre.h, `PatternObject`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from spindoctor.cpython.classes import BYTES, TEXT
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.hot import Match
from spindoctor.probe.interpreter import Interpreter

MOST_OPERANDS = 12
MOST_ARGUMENTS = 3
"""`pattern.sub(replacement, subject, count)`: the subject is the second argument at most."""

PATTERN_MEMBER = 48
"""`pattern` of `PatternObject`: a variable-sized object's head (24 bytes), `groups`, `groupindex`, `indexgroup`."""

MOST_CHARACTERS = 300
MOST_SUBJECT_CHARACTERS = 4096
PATTERN_TYPE = "Pattern"
METHODS = frozenset({"method_descriptor", "builtin_function_or_method"})


class MatchReader:
    """Finds matches that are going on."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects

    def read(self, raw: RawFrame) -> Match | None:
        """What this frame, the innermost of its stack, is matching; None where it calls something else.

        Raises:
            Misread: the frame has moved on.
        """
        operands = self._interpreter.operands(raw, MOST_OPERANDS)
        kinds = [self._kind(address) for address in operands]
        for place, kind in enumerate(kinds):
            if kind.rpartition(".")[2] == PATTERN_TYPE and place and kinds[place - 1] in METHODS:
                return self._match(operands[place], operands[place + 1 :])
            if kind == "builtin_function_or_method" and (pattern := self._bound_pattern(operands[place])):
                return self._match(pattern, operands[place + 1 :])
        return None

    def _kind(self, address: int) -> str:
        try:
            return self._objects.type_name(address) if address else ""
        except Misread:
            return ""

    def _bound_pattern(self, method: int) -> int | None:
        try:
            holder = self._objects.function(method).holder
        except Misread:
            return None
        return holder if holder and self._kind(holder).rpartition(".")[2] == PATTERN_TYPE else None

    def _match(self, pattern: int, arguments: Sequence[int]) -> Match | None:
        texts = [one for one in arguments[:MOST_ARGUMENTS] if one and self._is_text(one)]
        if not texts:
            return None
        subject = max(texts, key=self._objects.length)
        start = self._objects.value(subject, 0, MOST_SUBJECT_CHARACTERS)
        mark = zlib.crc32(repr((subject, start)).encode("utf-8", "replace"))
        return Match(self._text_of(pattern), self._objects.length(subject), mark)

    def _is_text(self, address: int) -> bool:
        try:
            return bool(self._objects.classes.of(address).flags & (TEXT | BYTES))
        except Misread:
            return False

    def _text_of(self, pattern: int) -> str:
        """The pattern's own text; empty where it cannot be read."""
        try:
            text = self._interpreter.reader.word(pattern + PATTERN_MEMBER)
            value = self._objects.value(text, 0, MOST_CHARACTERS) if self._is_text(text) else ""
        except Misread:
            return ""
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)
