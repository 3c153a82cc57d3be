"""System calls: the names a diagnosis speaks of, by machine, and the text of `/proc/PID/task/TID/syscall`.

Numbers: Linux `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import os

from spindoctor.model.sample import SystemCall

NOT_IN_A_CALL = SystemCall("page fault")
"""What the kernel shows as call -1: the thread is blocked outside a system call (proc_pid_syscall(5))."""

_X86_64 = {
    0: "read", 1: "write", 3: "close", 7: "poll", 16: "ioctl", 17: "pread64", 18: "pwrite64", 19: "readv",
    20: "writev", 23: "select", 24: "sched_yield", 26: "msync", 34: "pause", 35: "nanosleep", 40: "sendfile",
    42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 48: "shutdown",
    61: "wait4", 65: "semop", 70: "msgrcv", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 78: "getdents",
    82: "rename", 83: "mkdir", 87: "unlink", 128: "rt_sigtimedwait", 130: "rt_sigsuspend", 162: "sync",
    202: "futex", 208: "io_getevents", 217: "getdents64", 219: "restart_syscall", 220: "semtimedop",
    230: "clock_nanosleep", 232: "epoll_wait", 233: "epoll_ctl", 243: "mq_timedreceive", 247: "waitid",
    257: "openat", 262: "newfstatat", 270: "pselect6", 271: "ppoll", 275: "splice", 277: "sync_file_range",
    281: "epoll_pwait", 285: "fallocate", 288: "accept4", 295: "preadv", 296: "pwritev", 299: "recvmmsg",
    306: "syncfs", 307: "sendmmsg", 318: "getrandom", 326: "copy_file_range", 426: "io_uring_enter",
    441: "epoll_pwait2", 449: "futex_waitv", 4: "stat", 5: "fstat", 8: "lseek", 9: "mmap", 11: "munmap", 12: "brk",
    28: "madvise", 39: "getpid", 41: "socket", 51: "getsockname", 52: "getpeername", 54: "setsockopt",
    55: "getsockopt", 56: "clone", 57: "fork", 58: "vfork", 59: "execve", 62: "kill", 110: "getppid", 186: "gettid",
    228: "clock_gettime", 332: "statx",
    435: "clone3",
}  # fmt: skip

_AARCH64 = {
    4: "io_getevents", 21: "epoll_ctl", 22: "epoll_pwait", 25: "fcntl", 29: "ioctl", 32: "flock", 34: "mkdirat",
    35: "unlinkat", 47: "fallocate", 56: "openat", 57: "close", 61: "getdents64", 63: "read", 64: "write",
    65: "readv", 66: "writev", 67: "pread64", 68: "pwrite64", 69: "preadv", 70: "pwritev", 71: "sendfile",
    72: "pselect6", 73: "ppoll", 76: "splice", 79: "newfstatat", 81: "sync", 82: "fsync", 83: "fdatasync",
    84: "sync_file_range", 95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep",
    124: "sched_yield", 128: "restart_syscall", 133: "rt_sigsuspend", 137: "rt_sigtimedwait",
    183: "mq_timedreceive", 188: "msgrcv", 192: "semtimedop", 193: "semop", 202: "accept", 203: "connect",
    206: "sendto", 207: "recvfrom", 210: "shutdown", 211: "sendmsg", 212: "recvmsg", 227: "msync",
    242: "accept4", 243: "recvmmsg", 260: "wait4", 267: "syncfs", 269: "sendmmsg", 276: "renameat2",
    278: "getrandom", 285: "copy_file_range", 426: "io_uring_enter", 441: "epoll_pwait2", 449: "futex_waitv",
    62: "lseek", 80: "fstat", 113: "clock_gettime", 129: "kill", 172: "getpid", 173: "getppid", 178: "gettid",
    198: "socket", 204: "getsockname", 205: "getpeername", 208: "setsockopt", 209: "getsockopt", 214: "brk",
    215: "munmap", 220: "clone", 221: "execve", 222: "mmap", 233: "madvise",
    291: "statx", 435: "clone3",
}  # fmt: skip

CALL_NAMES: dict[str, dict[int, str]] = {"x86_64": _X86_64, "aarch64": _AARCH64}
MACHINE = os.uname().machine

_TIMEOUT_ARGUMENT = {"epoll_wait": 3, "epoll_pwait": 3, "poll": 2}


def parse_call(text: bytes, names: dict[int, str] | None = None) -> SystemCall | None:
    """Parse one syscall file: None while the thread runs (or has just ended).

    `names` are this machine's unless given; a call without a name there becomes "syscall NUMBER".
    """
    fields = text.split()
    if not fields or fields[0] == b"running":
        return None
    number = int(fields[0])
    if number < 0:
        return NOT_IN_A_CALL
    arguments = tuple(int(one, 16) for one in fields[1:7])
    return SystemCall(name_of(number, names), arguments)


def name_of(number: int, names: dict[int, str] | None = None) -> str:
    """The name of a call by its number, "syscall NUMBER" where it has none here; `names` are this machine's."""
    known = CALL_NAMES.get(MACHINE, {}) if names is None else names
    return known.get(number, f"syscall {number}")


def poll_timeout_s(call: SystemCall) -> float | None:
    """The timeout given to epoll_wait, epoll_pwait or poll in seconds: 0 does not wait, -1 waits without limit.

    None for other calls, and for those that take a pointer to their timeout (select, ppoll, epoll_pwait2).
    """
    place = _TIMEOUT_ARGUMENT.get(call.name)
    if place is None or len(call.arguments) <= place:
        return None
    milliseconds = call.arguments[place] & 0xFFFFFFFF
    return -1.0 if milliseconds >= 1 << 31 else milliseconds / 1000
