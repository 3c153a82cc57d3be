"""The failures a look at a process can end in, worded once."""

from __future__ import annotations

from spindoctor.errors import Forbidden, Gone
from spindoctor.probe.permission import hint_for


def gone(pid: int) -> Gone:
    """The process does not exist, or has ended while we looked."""
    return Gone(
        f"There is no process {pid}.",
        "Run `spindoctor` to list the Python processes that run now.",
    )


def forbidden(pid: int, what: str) -> Forbidden:
    """The kernel refuses `what` ("its memory", "the system calls of its threads") to us."""
    return Forbidden(f"The kernel does not let us read {what} of process {pid}.", hint_for(pid))
