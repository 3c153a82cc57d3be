"""Connections that threads and tasks wait at, those that they work for, and what they ask for a member of."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Frame
from spindoctor.model.locks import Party


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the connections of one waiting thread or task are, by descriptor.

    `waits_at` is the connection at which its wait ends, `serves` the one of the client that it works for; None where
    there is none or it could not be read. `for_task` is the task that awaits what a thread does. `is_encrypted`: what
    is waited for comes through TLS, which sends on its own account too.
    """

    party: Party
    waits_at: int | None = None
    serves: int | None = None
    for_task: int | None = None
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A thread or task that waits inside of an object for a member of it: a permit, a connection, an item.

    `kind`: "semaphore", "pool" (an object that says how many members it may have), "queue" (items that somebody puts
    in), "members" (a queue that a function of the user's own asks: a pool where that puts back what it took).
    `size` is how many members there may be at most, `taken` how many a pool has in its keeping or given out (None: it
    does not say). `name` is the type, of a queue that of the object which it belongs to. `is_lent` is True where no
    permit of a semaphore is left and they are asked for with `with`, so that everyone gives back what he got,
    `is_empty` where none is left, however they are asked for. `by` is the place of the user's that asked, where that is
    further out than the object's own methods.
    """

    party: Party
    target: int
    kind: str
    name: str
    size: int | None = None
    taken: int | None = None
    is_lent: bool = False
    is_empty: bool = False
    by: Frame | None = None
