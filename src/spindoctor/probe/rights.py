"""What a process itself may read: its memory can name any file, and we often may read more than it does."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from spindoctor.probe.proc import parse_status, try_bytes

READ, SEARCH = 4, 1
"""Bits of a file's mode, for each of owner, group and others (inode(7))."""


@dataclass(frozen=True, slots=True)
class Rights:
    """The user and the groups as which a process opens files; None where they could not be read."""

    user: int | None
    groups: frozenset[int] = frozenset()

    @classmethod
    def of(cls, pid: int) -> Self:
        """Those of a process (proc_pid_status(5): `Uid` and `Gid` end with those for files)."""
        fields = parse_status(try_bytes(f"/proc/{pid}/status"))
        try:
            groups = map(int, f"{fields['Gid'].split()[3]} {fields.get('Groups', '')}".split())
            return cls(int(fields["Uid"].split()[3]), frozenset(groups))
        except (KeyError, IndexError, ValueError):
            return cls(None)

    def may_read(self, place: str, facts: os.stat_result) -> bool:
        """Whether its user may read the file of these facts, which was opened as `place` (without links on the way).

        Root may, and where the user is our own the kernel answers when we open it. Access lists are not asked.

        Raises:
            OSError: a folder on the way is gone.
        """
        if self.user in {0, os.geteuid()}:
            return True
        folders = [str(one) for one in PurePosixPath(place).parents if not _is_door(one)]
        return self._has(READ, facts) and all(self._has(SEARCH, os.stat(one)) for one in folders)

    def _has(self, right: int, facts: os.stat_result) -> bool:
        if self.user is None:
            return False
        mode = stat.S_IMODE(facts.st_mode)
        if facts.st_uid == self.user:
            return bool(mode >> 6 & right)
        return bool(mode >> 3 & right if facts.st_gid in self.groups else mode & right)


def _is_door(folder: PurePosixPath) -> bool:
    """Whether it is `/proc/PID/root` or above: our way in, and none that the process itself takes."""
    return folder.parts[1:2] == ("proc",) and len(folder.parts) <= 3  # noqa: PLR2004 - "/", "proc", PID
