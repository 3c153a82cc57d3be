"""The request that something works for, and what all requests of its kind have in common."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass

PART = "{}"
"""Stands for a part of a path that differs from request to request."""

DIGITS_OF_A_NUMBER = 3
"""From so many digits a part is no word with a version (`v2`, `oauth2`, `s3`): an order, a date, a key."""

LONGEST_WORD = 32
"""Longer parts are keys (32 digits of a UUID or an MD5) and titles rather than what a programmer called something."""

TURNS_OF_A_KEY = 3
"""Small letters followed by capitals so often: `camelCaseName` has two, a key in base 64 one in every four letters."""

_GAP = re.compile(r"\{[^{}/]*\}|<[^<>/]*>|\(\?P<[^/]*?\)|(?<=/):\w+")
"""What frameworks write for such a part: `{id}`, `<int:id>`, `(?P<id>[0-9]+)`, `:id`."""


@dataclass(frozen=True, slots=True)
class Route:
    """The request that a frame or task works for. `template` is the route's pattern where the framework keeps one."""

    method: str
    path: str
    template: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.pattern}"

    @property
    def pattern(self) -> str:
        """The template; of a request that was met before it was matched, the path without what looks like a key."""
        return self.template or shape(self.path)


@functools.lru_cache(maxsize=4096)
def shape(path: str) -> str:
    """A path with `{}` for each part that is likely to differ from request to request."""
    return "/".join(PART if _is_key(part) else part for part in path.split("/"))


def shape_of_template(template: str) -> str:
    """What the paths that a template matches become where its gaps hold keys."""
    return _GAP.sub(PART, template)


def _is_key(part: str) -> bool:
    """Whether a part of a path looks like a number, a key, an address or a text, rather than a programmer's word."""
    digits = sum(one.isdigit() for one in part)
    turns = sum(one.islower() and other.isupper() for one, other in itertools.pairwise(part))
    return (
        part.isdigit()
        or digits >= DIGITS_OF_A_NUMBER
        or len(part) >= LONGEST_WORD
        or turns >= TURNS_OF_A_KEY
        or any(mark in part for mark in "@%=,;:+ ")
    )
