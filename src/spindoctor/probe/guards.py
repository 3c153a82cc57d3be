"""Locks that are made of a condition: fair ones, those of readers and writers, those with a limit, of any library.

Such an object has a method that asks for it, or a generator that a `with` runs, and lets callers wait at a condition of
its own meanwhile. Whose condition it is shows by the `self` of who called its `wait`, and that it is a lock by what its
type is called, or by an attribute that says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.probe.interpreter import Interpreter

CONDITIONS_FILE = "/threading.py"
WAIT = "wait"
ENTERS = re.compile(r"^(__enter__|__aenter__|_*(\w+_)?acquire(_\w+)?)$")
"""How a lock is asked for; the other functions of `threading` wait for a sign from somebody."""

SAYS_LOCKED = re.compile(r"locked|own(er|ing|ed)")
"""What a lock, of whatever kind and library, calls the attribute that says whether or by whom it is held."""

NAMED = re.compile(r"(?<![BbCc])[Ll]ock|[Mm]utex")
"""What the type of a lock is called: neither a block nor a clock."""

SELF = ("self",)
INNER_FRAMES = 3
"""Who asks stands at most two calls of the lock's own above its `wait`: a helper, and the generator of a `with`."""


def asks_at_condition(frames: Sequence[RawFrame]) -> bool:
    """Whether a stack waits at a condition on behalf of a function that asks for something; reads nothing."""
    inner = frames[1 : 1 + INNER_FRAMES]
    if not inner or _name(frames[0]) != WAIT or not frames[0].frame.file.endswith(CONDITIONS_FILE):
        return False
    return not inner[0].frame.file.endswith(CONDITIONS_FILE) and any(ENTERS.match(_name(raw)) for raw in inner)


def guard_asked(interpreter: Interpreter, frames: Sequence[RawFrame]) -> int | None:
    """The lock that such a stack asks for; None where its object does not say that it is one."""
    try:
        owner = interpreter.some_locals(frames[1], SELF).get(SELF[0])
        if not owner:
            return None
        is_named = bool(NAMED.search(interpreter.objects.type_name(owner)))
        is_told = is_named or any(map(SAYS_LOCKED.search, interpreter.objects.attributes(owner)))
    except Misread:
        return None
    return owner if is_told else None


def _name(raw: RawFrame) -> str:
    return raw.frame.function.rpartition(".")[2]
