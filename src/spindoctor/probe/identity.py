"""Whether a process is still the one that it was, and where one of its threads runs."""

from __future__ import annotations

from spindoctor.probe.failures import gone
from spindoctor.probe.proc import parse_stat, parse_status, read_bytes, try_bytes

ZOMBIE = "Z"
STOPPED = frozenset({"T", "t"})


def read_identity(pid: int) -> tuple[int, int]:
    """What tells a process from its successors: start time (a pid can be used again) and start of its stack (exec(2)).

    Raises:
        Gone: there is no such process, or only its exit status is left.
    """
    try:
        stat = parse_stat(read_bytes(f"/proc/{pid}/stat"))
    except (OSError, ValueError) as error:
        raise gone(pid) from error
    if stat.state == ZOMBIE:
        raise gone(pid)
    return stat.start_ticks, stat.stack_start


def read_own_pid(pid: int) -> int:
    """The process's id as it sees it itself: in its innermost pid namespace (`NSpid` in proc_pid_status(5))."""
    seen = parse_status(try_bytes(f"/proc/{pid}/status")).get("NSpid", "").split()
    return int(seen[-1]) if seen else pid


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped: by a signal ("T") or by a debugger ("t")."""
    try:
        return parse_stat(read_bytes(f"/proc/{pid}/stat")).state in STOPPED
    except (OSError, ValueError):
        return False


def read_last_cpu(pid: int, tid: int) -> int:
    """The CPU on which a thread ran last.

    Raises:
        OSError, ValueError: the thread has ended.
    """
    return parse_stat(read_bytes(f"/proc/{pid}/task/{tid}/stat")).last_cpu
