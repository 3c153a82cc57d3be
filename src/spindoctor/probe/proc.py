"""The texts of proc(5) that several readers need: parsing, and reading, each by itself."""

from __future__ import annotations

import os
from dataclasses import dataclass

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Stat:
    """`/proc/PID/stat` or `/proc/PID/task/TID/stat`, the fields we use (proc_pid_stat(5)).

    `state` is one letter ("R", "S", "D", "Z", ...). CPU time and start time are in clock ticks (`TICK_S`).
    For a process the CPU time includes all its threads, also ended ones. `stack_start` is where its stack begins in
    memory, another place after each exec(2) (0 where we may not know it), `memory_bytes` all that it has mapped (0 once
    that was given back at its end). `flags` are the kernel's (`PF_...`).
    """

    pid: int
    name: str
    state: str
    parent_pid: int
    major_faults: int
    user_ticks: int
    system_ticks: int
    threads: int
    start_ticks: int
    rss_pages: int
    last_cpu: int
    stack_start: int = 0
    memory_bytes: int = 0
    flags: int = 0

    @property
    def cpu_ticks(self) -> int:
        """User and system time together."""
        return self.user_ticks + self.system_ticks


def parse_stat(data: bytes) -> Stat:
    """Parse a stat line; the name may hold blanks and brackets, so fields count from the last ')'.

    Raises:
        ValueError: the text is no stat line (empty where the process has just ended).
    """
    opening, closing = data.find(b"("), data.rfind(b")")
    fields = data[closing + 2 :].split(None, 37)
    if opening < 0 or len(fields) < 37:  # noqa: PLR2004 - field 39, the last CPU, is the last one we need
        raise ValueError("not a stat line")
    return Stat(
        pid=int(data[:opening]),
        name=data[opening + 1 : closing].decode("utf-8", "replace"),
        state=fields[0].decode(),
        parent_pid=int(fields[1]),
        major_faults=int(fields[9]),
        user_ticks=int(fields[11]),
        system_ticks=int(fields[12]),
        threads=int(fields[17]),
        start_ticks=int(fields[19]),
        rss_pages=int(fields[21]),
        last_cpu=int(fields[36]),
        stack_start=int(fields[25]),
        memory_bytes=int(fields[20]),
        flags=int(fields[6]),
    )


def parse_status(data: bytes) -> dict[str, str]:
    """Parse the lines `Key: value` of a status file (proc_pid_status(5))."""
    lines = (line.partition(":") for line in data.decode("utf-8", "replace").splitlines())
    return {key: value.strip() for key, colon, value in lines if colon}


def parse_strings(data: bytes) -> tuple[str, ...]:
    """Parse NUL-separated strings, as in cmdline and environ.

    A process that rewrote its own title has one string, maybe padded with NULs; the padding is dropped.
    """
    text = data.rstrip(b"\0")
    return tuple(part.decode("utf-8", "replace") for part in text.split(b"\0")) if text else ()


def read_bytes(path: str) -> bytes:
    """Read a whole /proc file.

    Raises:
        OSError: ENOENT or ESRCH where the process has ended, EACCES or EPERM where we may not read it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _drain(fd)
    finally:
        os.close(fd)


def _drain(fd: int) -> bytes:
    chunk = os.read(fd, _CHUNK_BYTES)
    parts = [chunk]
    while chunk:
        chunk = os.read(fd, _CHUNK_BYTES)
        parts.append(chunk)
    return b"".join(parts)


def read_text(path: str) -> str:
    """Read a whole /proc or /sys file as text; bytes that are no UTF-8 are replaced.

    Raises:
        OSError: as `read_bytes`.
    """
    return read_bytes(path).decode("utf-8", "replace")


def try_bytes(path: str) -> bytes:
    """A whole /proc file; empty where it is not there, or not for us to read."""
    try:
        return read_bytes(path)
    except OSError:
        return b""


def try_text(path: str) -> str:
    """A whole /proc or /sys file as text; empty where it is not there, or not for us to read."""
    return try_bytes(path).decode("utf-8", "replace")


def read_stat(pid: int) -> Stat:
    """Read a process's stat.

    Raises:
        OSError: the process does not exist.
        ValueError: it ended while we read.
    """
    return parse_stat(read_bytes(f"/proc/{pid}/stat"))


def find_pids() -> list[int]:
    """Every process id in sight (none of other users where /proc is mounted with hidepid)."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def find_tids(pid: int) -> list[int]:
    """The kernel ids of all threads of a process.

    Raises:
        OSError: the process does not exist.
    """
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def read_link(path: str) -> str:
    """Where a link in /proc points; an empty string where that may not be read or is gone."""
    try:
        return os.readlink(path)
    except OSError:
        return ""
