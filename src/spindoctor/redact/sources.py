"""Lines of source without their literals: names, structure and line numbers stay, texts and comments go."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spindoctor.redact.walk import HIDDEN

_TOKEN = re.compile(
    r"(?P<prefix>[A-Za-z]{0,2})(?P<quote>\"\"\"|'''|\"|')|(?P<comment>#)|(?P<number>\b\d[\d_.]{5,})|\w+|.", re.DOTALL
)
BEGINNINGS = (None, '"""', "'''")
"""What the first line may lie in: code, or a text that began before it."""


def redact_source(lines: Sequence[str], meant: int) -> tuple[str, ...]:
    """The lines with string literals, comments and long numbers as `***`; `meant` is the place of the line of code.

    A window can begin inside a text of several lines. Which it is follows from the line meant, which is code; where
    nothing makes it so, no line is shown.
    """
    for beginning in BEGINNINGS:
        shown, meant_is_code = _pass(lines, meant, beginning)
        if meant_is_code:
            return tuple(shown)
    return tuple(HIDDEN if line.strip() else "" for line in lines)


def _pass(lines: Sequence[str], meant: int, inside: str | None) -> tuple[list[str], bool]:
    shown: list[str] = []
    meant_is_code = False
    for place, line in enumerate(lines):
        if place == meant:
            meant_is_code = inside is None
        text, inside = _line(line, inside)
        shown.append(text)
    return shown, meant_is_code


def _line(line: str, inside: str | None) -> tuple[str, str | None]:
    """One line redacted, and the quote that is open at its end."""
    out: list[str] = []
    position = 0
    if inside:
        position = _end_of_text(line, 0, inside)
        if position < 0:
            return (HIDDEN if line.strip() else ""), _still_open(line, inside)
        out.append(HIDDEN + inside)
    while match := _TOKEN.match(line, position):
        position = match.end()
        if match["comment"]:
            return "".join([*out, f"# {HIDDEN}"]), None
        if not (quote := match["quote"]):
            out.append(HIDDEN if match["number"] else match.group())
            continue
        out.append(f"{match.group()}{HIDDEN}")
        position = _end_of_text(line, match.end(), quote)
        if position < 0:
            return "".join(out), _still_open(line, quote)
        if _has_places(match["prefix"], line[match.end() : position]):
            return "".join(out), _opened_in(line[position:])
        out.append(quote)
    return "".join(out), None


def _has_places(prefix: str, text: str) -> bool:
    """Whether code stands inside the text, which may hold quotes of its own (PEP 701): its end is not sure then."""
    return bool(set(prefix.lower()) & {"f", "t"}) and "{" in text


def _opened_in(rest: str) -> str | None:
    """The long quote that a rest of a line leaves open, if it does."""
    return next((quote for quote in BEGINNINGS if quote and rest.count(quote) % 2), None)


def _still_open(line: str, quote: str) -> str | None:
    """A text of one line goes on only behind a backslash."""
    return quote if len(quote) > 1 or line.endswith("\\") else None


def _end_of_text(line: str, position: int, quote: str) -> int:
    """Where the text that is open ends in this line, behind its quote; -1 where it does not."""
    while position < len(line):
        if line[position] == "\\":
            position += 2
        elif line.startswith(quote, position):
            return position + len(quote)
        else:
            position += 1
    return -1
