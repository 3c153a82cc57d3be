"""The one command that helps where the kernel does not let us look."""

from __future__ import annotations


def hint_for(pid: int) -> str:
    """The one command that helps in this environment."""
    return f"sudo spindoctor diagnose {pid}"
