"""Whether a process is still the one that it was, and where one of its threads runs."""

from __future__ import annotations

import os

from spindoctor.probe.failures import gone
from spindoctor.probe.proc import parse_stat, parse_status, read_bytes, try_bytes

ZOMBIE = "Z"
STOPPED = frozenset({"T", "t"})
MOST_BYTES = 1024
"""Three times as long as a line of `stat` gets."""


def read_identity(pid: int, known: tuple[int, int] | None = None) -> tuple[int, int]:
    """What tells a process from its successors: start time (a pid can be used again) and start of its stack (exec(2)).

    A process that is `known` to have been looked at and has no memory is ending: it is given back before it is gone.

    Raises:
        Gone: there is no such process, it is ending, or only its exit status is left.
    """
    try:
        stat = parse_stat(read_bytes(f"/proc/{pid}/stat"))
    except (OSError, ValueError) as error:
        raise gone(pid) from error
    if stat.state == ZOMBIE or (known and not stat.memory_bytes):
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


class LastCpu:
    """On which CPU a thread ran last, asked again and again of mostly the same: its file is kept open."""

    def __init__(self, pid: int) -> None:
        """Nothing is opened yet."""
        self._pid = pid
        self._tid = 0
        self._file = -1

    def read(self, tid: int) -> int | None:
        """The CPU; None where the thread has ended."""
        try:
            if tid != self._tid:
                self.close()
                self._file = os.open(f"/proc/{self._pid}/task/{tid}/stat", os.O_RDONLY | os.O_CLOEXEC)
                self._tid = tid
            return parse_stat(os.pread(self._file, MOST_BYTES, 0)).last_cpu
        except (OSError, ValueError):
            self.close()
            return None

    def close(self) -> None:
        """Close what is kept open."""
        if self._file >= 0:
            os.close(self._file)
        self._tid, self._file = 0, -1
