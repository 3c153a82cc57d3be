"""Development settings as they are read off a process: switches that are on, and files that are watched for changes."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Frame


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is on.

    `kind` is "asyncio debug", "application debug", "trace function" or "profile function", `shown_by` what was read
    ("_debug of the event loop is True"). `tid` is the thread that it concerns: the event loop's, or the one that calls
    the function. `from_start`: the interpreter was started so. `turned_on` is the call that turned it on, where that is
    still on a stack. `calls` is the function that is called by the way; without a file if it is written in C.
    """

    kind: str
    shown_by: str
    tid: int | None = None
    turned_on: Frame | None = None
    from_start: bool = False
    calls: Frame | None = None


@dataclass(frozen=True, slots=True)
class WatchedFiles:
    """A thread that keeps the modification times of Python source files: who compares them again has to poll.

    `holder` is the outermost function that has them at hand, `name` the variable or attribute, `count` how many files.
    """

    tid: int
    name: str
    count: int
    example: str
    holder: Frame
