"""Every failure a user can meet: what happened, the one command that helps, and the exit code."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence


class ExitCode(enum.IntEnum):
    """What the process's exit status says; fixed, scripts rely on it."""

    NOTHING_FOUND = 0
    FINDINGS = 1
    USAGE = 2
    COULD_NOT_LOOK = 3
    OUR_BUG = 4
    INTERRUPTED = 130


class DoctorError(Exception):
    """A failure to be shown to the user as `problem` and `hint`, never as a traceback."""

    def __init__(
        self,
        problem: str,
        hint: str,
        exit_code: ExitCode = ExitCode.COULD_NOT_LOOK,
        commands: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`problem` says what happened to which pid or file; `hint` is the one thing to do about it.

        `commands` are what stands in the problem of other processes: the words shown, and the command line or name
        that they are of. They are what strangers must not read.
        """
        super().__init__(problem)
        self.commands = dict(commands or {})
        self.problem = problem
        self.hint = hint
        self.exit_code = exit_code


class Gone(DoctorError):  # noqa: N818 - reads as what happened, as Misread does
    """The process does not exist (any more): it never did, has ended, or its pid belongs to another one now."""


class Forbidden(DoctorError):  # noqa: N818 - as Gone
    """The kernel does not let us look at the process; the hint is the command that does."""


class Misread(Exception):  # noqa: N818 - the field's word for a torn or implausible read, not an error to report
    """Bytes of the target that cannot be what they should be: a torn read, or memory reused since.

    The only exception a decoder may raise, whatever bytes it is given.
    """


class Unreadable(Misread):
    """The memory at an address cannot be read at all (unmapped, or the process is gone)."""
