"""What a thread that burns CPU could see at one moment: read now and then, to tell work from standing still."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Stack


@dataclass(frozen=True, slots=True)
class Match:
    """A regular expression that is being matched: its text, how long the subject is, and a mark of which one it is."""

    pattern: str
    subject_length: int
    subject: int


@dataclass(frozen=True, slots=True)
class HotLook:
    """The stack of a thread that burns CPU, with what its innermost frames hold.

    `marks` has one number for each of the innermost frames, equal in two looks where nothing that the frame can see
    differs: its variables, and one level of what they hold. Clock times and exceptions count for nothing.
    `caught` are the types of exceptions held in variables.
    """

    at_s: float
    tid: int
    stack: Stack
    marks: tuple[int, ...] = ()
    caught: tuple[str, ...] = ()
    match: Match | None = None
