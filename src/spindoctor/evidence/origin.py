"""Whose code a stack runs: the frame to blame, and what it called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import MOST_FILES, is_user

ENTRY = re.compile(r"/bin/[^/]+$|/__main__\.py$")
"""Console scripts and `__main__` modules: they only start something."""


Answer = TypeVar("Answer")


def once_each(stacks: Iterable[Stack], ask: Callable[[Stack], Answer]) -> list[Answer]:
    """`ask` of every stack in turn, asked once for each object: the looks at a thread that sleeps share one stack."""
    held = list(stacks)  # while they are held no other stack can have the identity of one of them
    answers = {key: ask(stack) for key, stack in {id(stack): stack for stack in held}.items()}
    return [answers[id(stack)] for stack in held]


TYPED = re.compile(r"^<(string|stdin|console|cell|(i?python-input)[-\w ]*)[^>]*>$")
"""What `exec`, `python -c`, the interactive interpreter and notebooks name code by that is in no file."""

MADE = re.compile(r"(^|\.)__\w+__$")
"""Methods that dataclasses, named tuples and the like compile by `exec` for themselves."""


FORKED = re.compile(r"/popen_fork\.py$")
LAUNCHES = frozenset({"Popen._launch", "_launch"})
"""Where multiprocessing, and what is made after it, forks a child, which ends in that very function."""


def user_frame(stack: Stack) -> Frame | None:
    """The innermost frame of user code, module level and console scripts only where there is nothing else.

    A console script that has called a library is no place to look at: it starts a server and says nothing of its work.
    Functions that were typed in, or run by `exec`, have no file; they count where no other function is the user's.
    Of a child that multiprocessing forked, what lies below the fork is its parent's and never comes back.
    """
    for depth, frame in enumerate(stack):
        if _is_launch(frame):
            stack = stack[:depth]
            break
        if frame.function != "<module>" and is_user(frame) and not _is_entry(frame.file):
            return frame
    mine = [frame for frame in stack if is_user(frame)]
    named = [frame for frame in mine if frame.function != "<module>"]
    started = [frame for frame in mine if frame == stack[0] or not _is_entry(frame.file)]
    typed = [] if named else [frame for frame in stack if _is_typed(frame)]
    functions = [frame for frame in typed if frame.function != "<module>"]
    return next(iter(named or functions or started or typed), None)


def since_fork(stack: Stack) -> Stack:
    """What a child that multiprocessing forked has called itself; of any other process the whole stack."""
    return stack[: next((depth for depth, frame in enumerate(stack) if _is_launch(frame)), len(stack))]


def _is_launch(frame: Frame) -> bool:
    return frame.function in LAUNCHES and bool(FORKED.search(frame.file))


@lru_cache(MOST_FILES)
def _is_entry(file: str) -> bool:
    return bool(ENTRY.search(file))


def _is_typed(frame: Frame) -> bool:
    return frame.file.startswith("<") and bool(TYPED.match(frame.file)) and not MADE.search(frame.function)


def library_frame(stack: Stack) -> Frame | None:
    """The outermost frame of a library called by the innermost user frame: what the user's line asked for."""
    culprit = user_frame(stack)
    inner = stack[: stack.index(culprit)] if culprit else stack
    outside = [frame for frame in inner if not is_user(frame)]
    return outside[-1] if outside else None


def user_caller(stack: Stack) -> Frame | None:
    """The next function of the user's above his innermost one: a helper is called from many places."""
    culprit = user_frame(stack)
    if culprit is None:
        return None
    above = stack[stack.index(culprit) + 1 :]
    return next((frame for frame in above if is_user(frame) and not _is_within(culprit, frame)), None)


def _is_within(inner: Frame, frame: Frame) -> bool:
    """Whether a frame says nothing beyond the inner one: itself again, a module's level, a program that starts."""
    is_same = (inner.file, inner.function) == (frame.file, frame.function)
    return is_same or frame.function == "<module>" or _is_entry(frame.file)


def place(frame: Frame) -> str:
    """A frame as people write it: `function (file:line)`."""
    return f"{frame.function} ({frame.file}:{frame.line})"
