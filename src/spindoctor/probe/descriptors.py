"""The descriptors of a process: what each is, the sockets behind them, their limit, and what its epolls watch.

Sources: proc_pid_fd(5), proc_pid_fdinfo(5), proc_pid_limits(5).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from spindoctor.model.process import Descriptor, Epoll, EpollEntry
from spindoctor.probe.failures import forbidden, gone
from spindoctor.probe.proc import read_link, read_text
from spindoctor.probe.sockets import SocketTables, read_sockets

MOST_DETAILS = 20_000
"""About 120 ms of links to read; a process with more is counted by kind from the first of them."""

_MOST_EPOLLS = 256
_MOST_ENTRIES = 20_000
_NO_LIMIT = "unlimited"
_ANONYMOUS = {
    "eventpoll": "epoll",
    "eventfd": "eventfd",
    "timerfd": "timerfd",
    "signalfd": "signalfd",
    "inotify": "inotify",
}


@dataclass(frozen=True, slots=True)
class DescriptorTable:
    """The open descriptors of one process.

    `total` counts all; `descriptors` and `kinds` cover the first `MOST_DETAILS` by number. `limit` is the soft
    RLIMIT_NOFILE (None: unlimited or not readable).
    """

    descriptors: tuple[Descriptor, ...]
    total: int
    kinds: tuple[tuple[str, int], ...]
    limit: int | None

    @property
    def is_cut(self) -> bool:
        """Whether there are more than were looked at."""
        return self.total > len(self.descriptors)


def read_descriptors(pid: int, most: int = MOST_DETAILS, tables: SocketTables | None = None) -> DescriptorTable:
    """The descriptors of a process; those that are closed while we read are left out. About 6 us a descriptor.

    `tables` are the sockets, to be given where several processes are read at one moment: they cost more than the rest.

    Raises:
        Gone: there is no such process.
        Forbidden: we may not look at its descriptors (PTRACE_MODE_READ_FSCREDS).
    """
    numbers = find_descriptors(pid)
    found = [one for one in (_descriptor(pid, fd) for fd in numbers[:most]) if one is not None]
    sockets = read_sockets(pid, {one.inode for one in found if one.kind == "socket"}, tables)
    joined = tuple(replace(one, socket=sockets[one.inode]) if one.inode in sockets else one for one in found)
    kinds = Counter(one.kind for one in joined)
    return DescriptorTable(joined, max(len(numbers), len(joined)), tuple(kinds.most_common()), read_limit(pid))


def find_descriptors(pid: int) -> list[int]:
    """The numbers of all open descriptors, in order.

    Raises:
        Gone: there is no such process.
        Forbidden: we may not look at its descriptors.
    """
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
    except PermissionError as error:
        raise forbidden(pid, "the descriptors") from error
    except OSError as error:
        raise gone(pid) from error


def find_socket_inodes(pid: int, most: int = MOST_DETAILS) -> set[int]:
    """The inodes of the sockets a process has open; empty where it has ended or we may not look."""
    try:
        numbers = sorted(os.listdir(f"/proc/{pid}/fd"), key=int)[:most]
    except OSError:
        return set()
    kinds = (parse_descriptor(read_link(f"/proc/{pid}/fd/{fd}")) for fd in numbers)
    return {inode for kind, inode in kinds if kind == "socket"}


def _descriptor(pid: int, fd: int) -> Descriptor | None:
    try:
        link = os.readlink(f"/proc/{pid}/fd/{fd}")
    except OSError:
        return None
    kind, inode = parse_descriptor(link)
    return Descriptor(fd=fd, kind=kind, inode=inode, path=link)


def parse_descriptor(link: str) -> tuple[str, int]:
    """Kind and inode of what a link in `/proc/PID/fd` shows; inode 0 where the link has none (files, anon inodes)."""
    head, colon, rest = link.partition(":")
    if link.startswith("/"):
        return "file", 0
    if head == "anon_inode":
        return _ANONYMOUS.get(rest.strip("[]"), "other"), 0
    if colon and head in {"socket", "pipe"}:
        number = rest.strip("[]")
        return head, int(number) if number.isdecimal() else 0
    return "other", 0


def read_limit(pid: int) -> int | None:
    """The soft limit of open descriptors (RLIMIT_NOFILE); None where there is none or it cannot be read."""
    try:
        return parse_limit(read_text(f"/proc/{pid}/limits"))
    except OSError:
        return None


def parse_limit(text: str) -> int | None:
    """The soft "Max open files" of a limits file."""
    name = "Max open files"
    fields = next((line[len(name) :].split() for line in text.splitlines() if line.startswith(name)), [])
    return int(fields[0]) if fields and fields[0] != _NO_LIMIT else None


def read_epolls(pid: int, descriptors: Iterable[Descriptor]) -> tuple[Epoll, ...]:
    """The epolls among a process's descriptors with what they watch, at most 256; vanished ones are left out."""
    fds = [one.fd for one in descriptors if one.kind == "epoll"][:_MOST_EPOLLS]
    return tuple(epoll for epoll in (_epoll(pid, fd) for fd in fds) if epoll is not None)


def _epoll(pid: int, fd: int) -> Epoll | None:
    try:
        text = read_text(f"/proc/{pid}/fdinfo/{fd}")
    except OSError:
        return None
    return Epoll(pid=pid, fd=fd, entries=parse_epoll(text))


def parse_epoll(text: str) -> tuple[EpollEntry, ...]:
    """The watched descriptors in an epoll's fdinfo, by number; events and inode are hexadecimal there.

    `tfd` is the number that the descriptor had in the process that added it, which may be another one after a fork.
    """
    return tuple(sorted(_entries(text), key=lambda entry: (entry.fd, entry.inode)))


def _entries(text: str) -> Iterator[EpollEntry]:
    lines = [line for line in text.splitlines() if line.startswith("tfd:")]
    for line in lines[:_MOST_ENTRIES]:
        words = line.replace(":", " ").split()
        values = dict(zip(words[::2], words[1::2], strict=False))
        yield EpollEntry(int(values["tfd"]), int(values["events"], 16), int(values.get("ino", "0"), 16))
