"""Who waits for whom: threads and tasks, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.frames import Frame


@dataclass(frozen=True, slots=True)
class Party:
    """A thread by its kernel id, or a task by its address."""

    tid: int | None = None
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody who waits for what another one has or has to finish.

    `target` is the address of what stands between them, `type_name` its type. `kind`: "lock" (of threads), "task lock"
    (of tasks), "join" (the end of a thread), "future" (a result that one thread has to bring), "pool" (a result that is
    still queued in a pool: any of the holders would do).
    `holders` are those that have it, `held_at` the frame in which the first of them does. `is_orphaned`: it names an
    owner that is no thread of this process. `has_limit`: the wait ends by itself.
    """

    waiter: Party
    kind: str
    target: int
    type_name: str
    holders: tuple[Party, ...] = ()
    held_at: Frame | None = None
    is_orphaned: bool = False
    has_limit: bool = False
