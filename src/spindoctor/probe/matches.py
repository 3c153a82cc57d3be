"""The regular expression that a frame is matching, found among the operands of the call it is in.

Matching is done in C, which has no frame of its own. While it lasts, the evaluation stack of the frame that called it
holds the method, the pattern and the arguments: `[method, pattern, subject, ...]`, or a method bound to the pattern. A
loop over `finditer` holds its iterator there, which calls a method bound to a scanner, which knows pattern and subject
(Python/ceval.c, CALL and FOR_ITER; Objects/iterobject.c, `calliterobject`; Modules/_sre/sre.h, `PatternObject`,
`ScannerObject`, `SRE_STATE`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from spindoctor.cpython.classes import BYTES, TEXT
from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.functions import BUILT_IN
from spindoctor.errors import Misread
from spindoctor.model.hot import Match
from spindoctor.probe.interpreter import Interpreter

MOST_OPERANDS = 12
MOST_ARGUMENTS = 3
"""`pattern.sub(replacement, subject, count)`: the subject is the second argument at most."""

PATTERN_MEMBER = 48
"""`pattern` of `PatternObject`: a variable-sized object's head (24 bytes), `groups`, `groupindex`, `indexgroup`."""

CALLABLE_MEMBER = 16
"""`it_callable` of `calliterobject`, behind the object's head."""

SCANNER_PATTERN, SCANNER_SUBJECT = 16, 56
"""`pattern` of `ScannerObject`, and `string` of the `SRE_STATE` behind it: after ptr, beginning, start and end."""

MOST_CHARACTERS = 300
MOST_SUBJECT_CHARACTERS = 4096
PATTERN_TYPE = "Pattern"
SCANNER_TYPE = "SRE_Scanner"
METHODS = frozenset({"method_descriptor", *BUILT_IN})


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
        self._interpreter.fetch(operands)
        kinds = [self._kind(address) for address in operands]
        found = (self._called(operands[place:], kinds[place:]) for place in range(len(operands)))
        return next((match for match in found if match), None)

    def _called(self, operands: Sequence[int], kinds: Sequence[str]) -> Match | None:
        """The match that the first of these operands makes, if it is what is called or iterated over."""
        if kinds[0] == "callable_iterator":
            return self._of_holder(self._holder(self._interpreter.reader.word(operands[0] + CALLABLE_MEMBER)), ())
        if kinds[0] in METHODS and len(kinds) > 1 and self._is_re(kinds[1]):
            return self._of_holder(operands[1], operands[2:])
        return self._of_holder(self._holder(operands[0]), operands[1:]) if kinds[0] in BUILT_IN else None

    def _of_holder(self, holder: int, arguments: Sequence[int]) -> Match | None:
        """The match that a pattern or a scanner makes; None where the object is neither."""
        kind = self._kind(holder)
        if kind.endswith(SCANNER_TYPE):
            words = [self._interpreter.reader.word(holder + at) for at in (SCANNER_PATTERN, SCANNER_SUBJECT)]
            return self._match(words[0], words[1:])
        return self._match(holder, arguments) if self._is_re(kind) else None

    def _is_re(self, kind: str) -> bool:
        return kind.rpartition(".")[2] in {PATTERN_TYPE, SCANNER_TYPE}

    def _kind(self, address: int) -> str:
        try:
            return self._objects.type_name(address) if address else ""
        except Misread:
            return ""

    def _holder(self, method: int) -> int:
        """What a method is bound to; 0 where it is to nothing."""
        try:
            return self._objects.function(method).holder or 0
        except Misread:
            return 0

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
