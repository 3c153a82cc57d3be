"""How a command line ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """What a command line left."""

    code: int
    out: str
    err: str
