"""One process: who it is, whether it is a Python, and what it has used so far.

Sources: proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5), proc_pid_environ(5), proc_pid_maps(5).
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

from spindoctor.errors import DoctorError
from spindoctor.model.process import Process
from spindoctor.probe.failures import forbidden, gone
from spindoctor.probe.proc import (
    PAGE_BYTES,
    TICK_S,
    Stat,
    parse_status,
    parse_strings,
    read_bytes,
    read_link,
    read_stat,
    try_bytes,
)

PYTHON_NAME = re.compile(r"(^|/)python(\d(\.\d+)?t?d?)?$")
"""The path of an interpreter, of whatever version and build."""

_PYTHON_MAPPING = re.compile(rb"libpython3|/lib-dynload/|\.cpython-3\d+-|\.abi3\.so")
"""The interpreter's own library, or an extension module: what a program that embeds Python has mapped."""

PF_KTHREAD = 0x00200000
"""The flag of the kernel's own threads (include/linux/sched.h)."""

_DELETED = " (deleted)"
_MOST_COMMAND_STRINGS = 1000
"""A command line can be megabytes long (arguments expanded by a shell); nobody reads more."""


@dataclass(frozen=True, slots=True)
class ProcessCounters:
    """What a process used: CPU of all its threads in seconds, memory, page faults that waited for a disk.

    A reading counts from the process's start (`rss_bytes` is now's); a difference from the reading before.
    CPU time comes in clock ticks (10 ms).
    """

    user_s: float
    system_s: float
    rss_bytes: int
    major_faults: int

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s

    def since(self, before: ProcessCounters) -> ProcessCounters:
        """What was used since an earlier reading of the same process; the memory is the present one."""
        return ProcessCounters(
            user_s=self.user_s - before.user_s,
            system_s=self.system_s - before.system_s,
            rss_bytes=self.rss_bytes,
            major_faults=self.major_faults - before.major_faults,
        )


def counters_of(stat: Stat) -> ProcessCounters:
    """The counters in a process's stat."""
    return ProcessCounters(
        user_s=stat.user_ticks * TICK_S,
        system_s=stat.system_ticks * TICK_S,
        rss_bytes=stat.rss_pages * PAGE_BYTES,
        major_faults=stat.major_faults,
    )


def read_counters(pid: int) -> ProcessCounters:
    """What a process has used since its start; about 15 us.

    Raises:
        Gone: the process does not exist.
    """
    return counters_of(_stat(pid))


def _stat(pid: int) -> Stat:
    try:
        return read_stat(pid)
    except (OSError, ValueError) as error:
        raise gone(pid) from error


def read_process(pid: int, *, is_target: bool = True) -> Process:
    """Who a process is; `role`, `python` and `sys_path` are left for those who know.

    With `is_target` it must be a Python process that we may look into; without it whatever the kernel tells is taken,
    and fields that it does not show us are empty.

    Raises:
        Gone: there is no such process, or it has ended.
        Forbidden: the process belongs to somebody else.
        DoctorError: it is a zombie, a thread, one of the kernel's own, or no Python process.
    """
    stat = _stat(pid)
    if is_target:
        _require_alive(stat)
        _require_program(stat)
        _require_access(stat)
        _require_python(stat)
    process = _describe(stat)
    if not is_same(process):
        raise gone(pid)
    return process


def _describe(stat: Stat) -> Process:
    folder = f"/proc/{stat.pid}"
    return Process(
        pid=stat.pid,
        start_ticks=stat.start_ticks,
        started_at=started_at(stat.start_ticks),
        parent_pid=stat.parent_pid,
        name=stat.name,
        command=read_command(stat.pid),
        executable=read_link(f"{folder}/exe").removesuffix(_DELETED),
        cwd=read_link(f"{folder}/cwd").removesuffix(_DELETED),
        user=process_user(stat.pid),
        environment=environment_names(try_bytes(f"{folder}/environ")),
    )


DEAD = "ZXx"
"""Ended, as the state of the process or of its first thread (proc_pid_stat(5))."""


def _require_alive(stat: Stat) -> None:
    if is_zombie(stat):
        raise DoctorError(
            f"Process {stat.pid} ({stat.name}) has ended: it is a zombie, and its parent {stat.parent_pid} has not "
            "collected it.",
            f"Look at the parent instead: spindoctor diagnose {stat.parent_pid}",
            commands={stat.name: (stat.name,)},
        )
    if stat.state in DEAD:
        raise DoctorError(
            f"The first thread of process {stat.pid} ({stat.name}) has ended while others go on; the kernel then shows "
            "neither its memory map nor its files, so its stacks cannot be read.",
            f"See which of its threads burns: top -H -p {stat.pid}",
            commands={stat.name: (stat.name,)},
        )
    group = int(parse_status(try_bytes(f"/proc/{stat.pid}/status")).get("Tgid", stat.pid))
    if group != stat.pid:
        raise DoctorError(
            f"{stat.pid} is a thread of process {group}.", f"Look at the process: spindoctor diagnose {group}"
        )


def is_zombie(stat: Stat) -> bool:
    """Whether the process has ended; a process whose first thread alone has ended still lives."""
    return stat.state in DEAD and stat.threads <= 1


def _require_access(stat: Stat) -> None:
    """`maps` needs the same right as the memory (PTRACE_MODE_READ_FSCREDS, ptrace(2))."""
    pid = stat.pid
    try:
        os.close(os.open(f"/proc/{pid}/maps", os.O_RDONLY | os.O_CLOEXEC))
        read_bytes(f"/proc/{pid}/environ")
    except PermissionError as error:
        if not is_python(pid):
            raise DoctorError(
                f"Process {pid} ({stat.name}) does not look like Python, and the kernel does not let us look closer.",
                "Run `spindoctor` to list the Python processes that run now.",
                commands={stat.name: (stat.name,)},
            ) from error
        raise forbidden(pid, "the memory") from error
    except OSError as error:
        raise gone(pid) from error


def _require_program(stat: Stat) -> None:
    if stat.flags & PF_KTHREAD:
        raise DoctorError(
            f"Process {stat.pid} ({stat.name}) is a thread of the kernel's own: it runs no Python.",
            "Run `spindoctor` to list the Python processes that run now.",
            commands={stat.name: (stat.name,)},
        )


def _require_python(stat: Stat) -> None:
    if not is_python(stat.pid):
        raise DoctorError(
            f"Process {stat.pid} ({stat.name}) is no Python process.",
            "Run `spindoctor` to list the Python processes that run now.",
            commands={stat.name: (stat.name,)},
        )


def is_python(pid: int) -> bool:
    """Whether a process runs CPython, as far as its files tell: cheap, and no proof.

    By the executable's name, else by what is mapped (a program that embeds the interpreter, such as uwsgi); where
    neither may be read, by the command line.
    """
    executable = read_link(f"/proc/{pid}/exe").removesuffix(_DELETED)
    if executable:
        return bool(PYTHON_NAME.search(executable)) or has_python_mapped(pid)
    command = read_command(pid)
    return bool(command) and bool(PYTHON_NAME.search(command[0]))


def has_python_mapped(pid: int) -> bool:
    """Whether a process has the interpreter's library or an extension module mapped; False where we may not see it."""
    return bool(_PYTHON_MAPPING.search(try_bytes(f"/proc/{pid}/maps")))


def is_same(process: Process) -> bool:
    """Whether the pid still belongs to the process it named: a pid can be used again, with a later start."""
    try:
        stat = read_stat(process.pid)
    except (OSError, ValueError):
        return False
    return stat.start_ticks == process.start_ticks and not is_zombie(stat)


def started_at(start_ticks: int) -> float:
    """Seconds since the epoch of a start time that counts in ticks since boot, to about 10 ms."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + start_ticks * TICK_S


def read_command(pid: int) -> tuple[str, ...]:
    """The command line; empty for kernel threads, zombies and processes that have ended."""
    return parse_strings(try_bytes(f"/proc/{pid}/cmdline"))[:_MOST_COMMAND_STRINGS]


def environment_names(data: bytes) -> tuple[str, ...]:
    """The names in an environ file; values are never kept, they hold passwords."""
    names = (one.partition("=") for one in parse_strings(data))
    return tuple(sorted({name for name, equals, _ in names if name and equals}))


def process_user(pid: int) -> str:
    """The name of the user a process belongs to; empty where it has ended."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    return user_name(uid)


def user_name(uid: int) -> str:
    """The name of a user of this machine; the number where it has none."""
    import pwd  # noqa: PLC0415 - may start the name service; not needed to start up

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
