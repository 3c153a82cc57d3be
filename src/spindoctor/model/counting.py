"""A count with its noun, for every sentence that has one."""

from __future__ import annotations


def count(many: int, one: str, several: str | None = None) -> str:
    """A count with its noun: "1 look", "1,200 looks"."""
    return f"{many:,} {one if many == 1 else several or one + 's'}"
