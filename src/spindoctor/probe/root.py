"""Paths as the target sees them, opened from where we stand.

`/proc/PID/root/PATH` alone is not enough: an absolute link inside another root would be followed in ours
(proc_pid_root(5)), so links are followed here, each from the target's root.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator

from spindoctor.probe.rights import Rights

_MOST_LINKS = 40
"""As the kernel itself (path_resolution(7))."""

UNREADABLE = (OSError, ValueError)
"""A name from the target's memory may be torn (a NUL in it), or be none in our locale's encoding: ValueErrors both."""


def is_own_root(pid: int) -> bool:
    """Whether a process has our root directory and our mounts: then its paths are ours."""
    try:
        return _root_of(pid) == _root_of("self")
    except OSError:
        return False


def _root_of(pid: int | str) -> tuple[str, int, int]:
    root = os.stat(f"/proc/{pid}/root/")
    return os.readlink(f"/proc/{pid}/ns/mnt"), root.st_dev, root.st_ino


class TargetRoot:
    """The file system of one process."""

    def __init__(self, pid: int) -> None:
        """Of the process `pid`, which may end at any time: its files are missing then."""
        self._pid = pid
        self._base = "" if is_own_root(pid) else f"/proc/{pid}/root"
        self._rights = Rights.of(pid)
        self._known = functools.lru_cache(maxsize=4096)(self._follow)

    def locate(self, path: str) -> str:
        """Where we can open a path of the target; a relative one counts from its present working directory.

        The path need not exist.
        """
        if not path.startswith("/"):
            return f"/proc/{self._pid}/cwd/{path}"
        return self._base + (self._known(os.path.normpath(path)) if self._base else path)

    def _follow(self, path: str) -> str:
        """The path without links, in the target's own terms."""
        done, todo, links = "", list(_parts(path)), 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            link = self._link(f"{done}/{part}") if links < _MOST_LINKS else ""
            if not link:
                done = f"{done}/{part}"
                continue
            links += 1
            done = "" if link.startswith("/") else done
            todo[:0] = _parts(link)
        return done or "/"

    def _link(self, path: str) -> str:
        try:
            return os.readlink(self._base + path)
        except UNREADABLE:
            return ""

    def list_folder(self, path: str) -> list[str]:
        """The names in a folder of the target; none where it is no folder or cannot be read."""
        try:
            return os.listdir(self.locate(path))
        except UNREADABLE:
            return []

    def read_file(self, path: str, most_bytes: int) -> tuple[bytes, float] | None:
        """Content and time of last change (seconds since the epoch) of a regular file.

        None where there is none, where it cannot be read, by us or by the user of the process, or is longer than
        `most_bytes`. Pipes and devices are never opened for reading.
        """
        try:
            place = self.locate(path) if self._base else os.path.realpath(self.locate(path))
            if not stat.S_ISREG(os.stat(place).st_mode):
                return None
            with open(place, "rb") as file:
                facts = os.fstat(file.fileno())
                if facts.st_size > most_bytes or not self._rights.may_read(place, facts):
                    return None
                return file.read(most_bytes), facts.st_mtime
        except UNREADABLE:
            return None


def _parts(path: str) -> Iterator[str]:
    return (part for part in path.split("/") if part not in {"", "."})
