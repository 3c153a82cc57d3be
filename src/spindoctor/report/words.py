"""Values in words: figures with their units, counts, and text from the target made harmless."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

Item = TypeVar("Item")

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, marks that turn the writing direction, and lone surrogates."""


def safe(text: str) -> str:
    r"""`text` with every character that could steer a terminal or fail to encode written as an escape.

    Thread names, paths and request paths come from the target, and a request's path from anyone: `\x1b` in one
    must not reach the screen.
    """
    return _CONTROLS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - the last code of two hex digits


def sentence(text: str) -> str:
    """`text` on one line: line breaks and runs of blanks become one blank, the rest is `safe`."""
    return safe(" ".join(text.split()))


def number(value: float | str | bool) -> str:  # noqa: FBT001 - a figure's value may be a plain yes or no
    """A figure's value: thousands separated, at most two decimals, small ones with two significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return sentence(value)
    if value != 0 and abs(value) < 0.1:  # noqa: PLR2004 - from here two decimals would keep only one digit
        return f"{value:.2g}"
    return f"{value:,.2f}".removesuffix(".00")


def figure(value: float | str | bool, unit: str) -> str:  # noqa: FBT001
    """A value with its unit; the unit `share` is a fraction and is written in percent."""
    if unit == "share" and isinstance(value, int | float) and not isinstance(value, bool):
        return percent(value)
    return f"{number(value)} {sentence(unit)}".rstrip()


def percent(share: float) -> str:
    """A fraction in percent; one that is neither none nor all is never rounded to none or all."""
    if 0 < share < 0.005:  # noqa: PLR2004 - half of the last digit shown
        return "< 1 %"
    if 0.995 <= share < 1:  # noqa: PLR2004
        return "> 99 %"
    return f"{100 * share:.0f} %"


def cores(value: float) -> str:
    """CPU seconds a second, with two decimals: "0.99 cores"."""
    return f"{value:.2f} {'core' if f'{value:.2f}' == '1.00' else 'cores'}"


def seconds(value: float) -> str:
    """A duration as a person would say it: "12 ms", "3.0 s", "2 min 5 s", "3 h 20 min", "2 d 4 h"."""
    if not math.isfinite(value):
        return "unknown time"
    if value < 1:
        return f"{1000 * value:.0f} ms"
    if value < 60:  # noqa: PLR2004
        return f"{value:.1f} s"
    whole = round(value)
    for large, small, big_unit, small_unit in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            return f"{whole // large} {big_unit} {whole % large // small} {small_unit}"
    return f"{whole} s"


def moment(value: float) -> str:
    """Seconds since the epoch as date and time in UTC; "" where that is no moment."""
    try:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def bounded(items: Sequence[Item], limit: int, option: str = "--json") -> tuple[Sequence[Item], str]:
    """The first `limit` items, and words for how many are left out ("" where none is), which `option` shows.

    One item too many is shown instead of a line that says so.
    """
    if len(items) <= limit + 1:
        return items, ""
    return items[:limit], f"and {len(items) - limit:,} more ({option} has all)"


def shortened(text: str, limit: int) -> str:
    """`text` cut to `limit` characters, the cut marked with three dots."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
