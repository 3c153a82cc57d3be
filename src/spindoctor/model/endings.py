"""How a look can end before its time: what became of the process, in words, and what helps then."""

from __future__ import annotations

_STOPPED = " is stopped and does nothing"
_FROZEN = " is frozen by its control group and does nothing"
_HEADLESS = "; others go on, and their memory can no longer be read"
_REPLACED = " became another program (exec)"


def ended(pid: int) -> str:
    """The process is no more."""
    return f"Process {pid} ended while it was looked at."


def headless(pid: int) -> str:
    """The first thread of the process is no more, others go on: the kernel shows neither its memory nor its files."""
    return f"The first thread of process {pid} ended while it was looked at{_HEADLESS}."


def followed(pid: int) -> str:
    """The process is no more, and another one has its pid."""
    return f"Process {pid} ended while it was looked at, and its pid was given to another."


def replaced(pid: int) -> str:
    """The process runs another program, or the same one anew."""
    return f"Process {pid}{_REPLACED} while it was looked at."


def stopped(pid: int) -> str:
    """The process is stopped by a signal or by a debugger."""
    return f"Process {pid}{_STOPPED}: `kill -CONT {pid}` lets it go on."


def frozen(pid: int) -> str:
    """The process is frozen, as `docker pause` and `systemctl freeze` do."""
    return f"Process {pid}{_FROZEN}: `docker unpause` or `systemctl thaw` lets it go on."


def tells_stop(ending: str) -> bool:
    """Whether an ending in the words above is a stop, or a freeze."""
    return _STOPPED in ending or _FROZEN in ending


def advice(ending: str, pid: int) -> str:
    """The one thing that helps after an ending in the words above."""
    if _FROZEN in ending:
        return f"Thaw it (docker unpause, systemctl thaw); then look again: spindoctor diagnose {pid}"
    if tells_stop(ending):
        return f"kill -CONT {pid}; then look again: spindoctor diagnose {pid}"
    if _HEADLESS in ending:
        return f"See which of its threads burns: top -H -p {pid}"
    if _REPLACED in ending:
        return f"Look at what it is now: spindoctor diagnose {pid}"
    return "Run `spindoctor` to list the Python processes that run now, and look at its successor."
