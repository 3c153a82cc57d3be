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
class Held:
    """One variable of a frame, by marks.

    `value` differs where another object or another plain value is held, `shape` only where the plain values differ:
    an object that is made anew in every turn has the same shape. `identity` tells one object from another even where
    what it holds changes; an object may be made where one before it lay (0: not read). `status` is the number by which
    an answer says that it is a refusal (0: none).
    """

    name: str
    value: int
    shape: int
    identity: int = 0
    status: int = 0


@dataclass(frozen=True, slots=True)
class HotLook:
    """The stack of a thread that burns CPU, with what its innermost frames hold.

    `marks` has one number for each of the innermost frames, equal in two looks where nothing that the frame can see
    differs: its variables, and one level of what they hold. Clock times and exceptions count for nothing.
    `caught` are the types of exceptions held in variables. `held` has the variables of each of these frames, `begun`
    those of the function that the innermost frame of the user's has called, where it is none of these.
    """

    at_s: float
    tid: int
    stack: Stack
    marks: tuple[int, ...] = ()
    caught: tuple[str, ...] = ()
    match: Match | None = None
    held: tuple[tuple[Held, ...], ...] = ()
    begun: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that a thread was handling when it was looked at.

    `places` are the places that it came through, innermost first; `text` is what it says. `at_s` is that of the quick
    look at the same moment. `bases` are the names of the type's bases. `peer` is the address that a frame which it came
    through wanted to reach, empty where none is known.
    """

    at_s: float
    tid: int
    kind: str
    text: str
    places: Stack
    bases: tuple[str, ...] = ()
    peer: str = ""
