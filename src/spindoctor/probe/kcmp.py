"""Which epolls of a family are one and the same: an epoll made before a fork is shared by parent and child.

Source: kcmp(2), KCMP_FILE: 0 says that two descriptors refer to one open file description.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from spindoctor.model.process import Epoll
from spindoctor.probe.calls import MACHINE

_NUMBERS = {"x86_64": 312, "aarch64": 272}
_KCMP_FILE = 0
_MOST_CALLS = 20_000
"""About 20 ms; 200 workers with one private epoll each need 19,900."""

Compare = Callable[[Epoll, Epoll], bool]


class KcmpUnavailable(Exception):  # noqa: N818 - an answer, not an error to show
    """The kernel does not compare descriptors for us; the message says why."""


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def is_same_file(pid: int, fd: int, other_pid: int, other_fd: int) -> bool:
    """Whether two descriptors of two processes are one open file; False where either is gone.

    Raises:
        KcmpUnavailable: no permission to trace both, or a kernel without CONFIG_KCMP.
    """
    number = _NUMBERS.get(MACHINE)
    if number is None:
        raise KcmpUnavailable(f"kcmp(2) is not known to us on {MACHINE}")
    answer = _libc().syscall(
        ctypes.c_long(number),
        ctypes.c_long(pid),
        ctypes.c_long(other_pid),
        ctypes.c_long(_KCMP_FILE),
        ctypes.c_ulong(fd),
        ctypes.c_ulong(other_fd),
    )
    if answer < 0:
        _refuse(ctypes.get_errno())
    return bool(answer == 0)


def _refuse(number: int) -> None:
    if number in {errno.EPERM, errno.EACCES}:
        raise KcmpUnavailable("kcmp(2) needs the right to trace both processes (CAP_SYS_PTRACE)")
    if number in {errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
        raise KcmpUnavailable(f"the kernel has no kcmp(2): {os.strerror(number)}")


def _is_same_epoll(one: Epoll, other: Epoll) -> bool:
    return is_same_file(one.pid, one.fd, other.pid, other.fd)


def find_shared_epolls(epolls: Sequence[Epoll], compare: Compare = _is_same_epoll) -> tuple[Epoll, ...]:
    """The same epolls with `shared_with` filled for those that several processes hold.

    Raises:
        KcmpUnavailable: the kernel does not tell us.
    """
    groups: list[list[Epoll]] = []
    calls = 0
    for epoll in epolls:
        for group in sorted(groups, key=lambda group: group[0].entries != epoll.entries):
            calls += 1
            if calls > _MOST_CALLS:
                raise KcmpUnavailable(f"more than {_MOST_CALLS} pairs of epolls to compare")
            if compare(group[0], epoll):
                group.append(epoll)
                break
        else:
            groups.append([epoll])
    shared = {(one.pid, one.fd): _others(one, group) for group in groups for one in group}
    return tuple(replace(one, shared_with=shared[one.pid, one.fd]) for one in epolls)


def _others(epoll: Epoll, group: Sequence[Epoll]) -> tuple[tuple[int, int], ...]:
    return tuple((one.pid, one.fd) for one in group if one.pid != epoll.pid)
