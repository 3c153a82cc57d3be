"""Sentences of our own that a path, a host or a person may have got into, and regular expressions."""

from __future__ import annotations

import re

from spindoctor.redact.names import Names
from spindoctor.redact.walk import HIDDEN

_URL = re.compile(r"\b[a-zA-Z][\w+.-]*://\S+")
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_PATH = re.compile(r"(?<![\w*])~?/[^\s'\":,;()]+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SECRET = re.compile(r"(?i)([\w-]*(?:pass|secret|token|key|auth|credential)[\w-]*\s*[=:]\s*)\S+")
_LONG = re.compile(r"(?=[\w+/-]*\d)[\w+/-]{16,}")
_DOTTED = re.compile(r"\b[\w-]*[^\W\d_][\w-]*(?:\.[\w-]+)+\b")
_LITERAL = re.compile(r"\\.|\{[\d,]*\}|([^\W_]{2,})")


class Sentences:
    """Treats sentences; names have the pseudonyms that `Names` gives them."""

    def __init__(self, names: Names) -> None:
        """`names` of the same recording."""
        self._names = names

    def scrub(self, text: str) -> str:
        """The sentence without URLs, mail addresses, paths, quotations, hosts, people and what looks like a key."""
        for pattern in (_URL, _MAIL, _PATH, _QUOTED):
            text = pattern.sub(HIDDEN, text)
        text = _SECRET.sub(rf"\1{HIDDEN}", text)
        text = self._names.addresses(text)
        text = _LONG.sub(HIDDEN, text)
        text = _DOTTED.sub(self._host, text)
        return self._names.without_people(text)

    def _host(self, match: re.Match[str]) -> str:
        return match.group() if self._names.is_known(match.group()) else self._names.host(match.group())


def shape_of_pattern(pattern: str) -> str:
    """A regular expression with its literal words replaced by `w`: what backtracks is its shape."""
    return _LITERAL.sub(lambda match: "w" if match.group(1) else match.group(), pattern)
