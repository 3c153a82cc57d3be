"""Files of threads in /proc that are read again and again, kept open.

Opening a file in /proc costs several times what reading it does; a seq_file that is read at offset 0 is made anew.
"""

from __future__ import annotations

import os
import resource
from types import TracebackType
from typing import Self

_READ_BYTES = 1024
"""More than any line we keep open: stat is about 300 bytes, syscall 120, schedstat 30."""

_SHARE = 4
"""A quarter of our own descriptors for each kind of file. Three may be kept open at a time, two of ours and one of the
compiled engine's, and as many stay free for everything else. Beyond that files are opened for each reading."""


class KeptFiles:
    """One file (`name`) of every thread of a process, kept open from its first reading on."""

    def __init__(self, pid: int, name: str) -> None:
        """Nothing is opened yet. `name` is "schedstat", "syscall" or "stat"."""
        self._folder = f"/proc/{pid}/task/"
        self._name = name
        self._fds: dict[int, int] = {}
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = soft // _SHARE

    def read(self, tid: int) -> bytes:
        """The file's content now.

        Raises:
            OSError: ENOENT or ESRCH where the thread has ended, EACCES or EPERM where we may not read it.
        """
        fd = self._fds.get(tid)
        if fd is not None:
            return os.pread(fd, _READ_BYTES, 0)
        fd = os.open(f"{self._folder}{tid}/{self._name}", os.O_RDONLY | os.O_CLOEXEC)
        if len(self._fds) < self._most:
            self._fds[tid] = fd
            return os.pread(fd, _READ_BYTES, 0)
        try:
            return os.pread(fd, _READ_BYTES, 0)
        finally:
            os.close(fd)

    def drop(self, tid: int) -> None:
        """Close the file of a thread that has ended."""
        fd = self._fds.pop(tid, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Close all files."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
