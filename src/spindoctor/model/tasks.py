"""What is read off asyncio's objects at the slow rate: tasks, cancel scopes, callbacks, pools."""

from __future__ import annotations

from dataclasses import dataclass

from spindoctor.model.conversations import Claim, Conversation
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import FullQueue, Wait
from spindoctor.model.routes import Route

BARE_YIELD = "bare yield"
"""What a task waits on that only gives way: it is run again on the next turn of its loop, whatever happens."""

HUB = "greenlet hub"
"""What a suspended greenlet waits on: the hub of its thread, which switches to it when there is a reason to."""

KEPT = "loop that keeps its tasks"
"""The type of an event loop of no kind that asyncio knows, whose tasks are in an object of its own."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of an event loop at one moment, or a suspended greenlet, which has its stack for an await chain.

    `state` is "pending", "finished" or "cancelled". `chain` is the await chain, innermost first; empty once the task is
    done. `coroutine` is the qualified name, `defined` the first line of its code (None where it is gone).
    `waits_on` names the type of object at the chain's end ("_asyncio.Future", or `BARE_YIELD`), `awaits` tells which
    future that is: from one wait to the next it changes more often than not, during one wait never.
    `must_cancel`: a cancellation is on its way to it. `cancel_requests` is Task.cancelling() (3.11+).
    `awaited_by` are the addresses of tasks that wait for this one. `has_limit`: its wait ends by itself (asked only of
    tasks that others wait for).
    """

    address: int
    name: str
    state: str
    coroutine: str
    loop: int
    defined: Frame | None = None
    chain: Stack = ()
    waits_on: str | None = None
    awaits: int | None = None
    must_cancel: bool = False
    cancel_requests: int | None = None
    awaited_by: tuple[int, ...] = ()
    route: Route | None = None
    has_limit: bool = False

    @property
    def wait(self) -> object:
        """What is the same for as long as this task waits once: addresses alone are given to others."""
        return (self.address, self.name, self.chain, self.waits_on, self.awaits)

    @property
    def is_done(self) -> bool:
        """Whether the task has ended."""
        return self.state != "pending"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback that was running or queued when the loop was looked at, by what it calls."""

    function: str
    file: str
    line: int
    holder: int | None = None
    holder_type: str | None = None
    task: int | None = None
    loop: int | None = None
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """An object whose callback the loop keeps running and that holds tasks (anyio calls its own `CancelScope`).

    `callback` is the function that comes back; `is_cancelled` and `is_armed` are what its attributes say (None where it
    has none that says so). `host` is the task that entered it, `tasks` those still held by it or by the scopes
    inside it.
    """

    address: int
    type_name: str
    callback: str
    is_cancelled: bool | None = None
    is_armed: bool | None = None
    is_shielded: bool | None = None
    host: Task | None = None
    tasks: tuple[Task, ...] = ()
    inner_scopes: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of which a caller can have to wait for a member: executor threads, limiter tokens, connections.

    `kind` is "executor", "limiter", "semaphore", "connections", "job pool" (of `multiprocessing`), "crew" (a server's
    threads with one queue of work), "task crew" (tasks that serve requests out of a queue; these are `tasks`) or "queue
    crew" (threads that do; `asking` are the threads whose work lies in it, each with what tells this wait from its
    next; without a member it is a queue that nobody serves). As evidence also "workers": those of a server, which
    `name` gives the address of, with the connections that nobody accepts queued. `busy` of `size` members are in use
    and `queued` callers wait.
    `tids` are kernel ids of the member threads, or processes. `is_default` marks the loop's own executor.
    `waiters` are the tasks that await work of this pool, running or among the first queued, or a limiter's token; None
    where that cannot be read.
    """

    address: int
    kind: str
    name: str
    size: int
    busy: int
    queued: int
    tids: tuple[int, ...] = ()
    is_default: bool = False
    waiters: tuple[int, ...] | None = None
    tasks: tuple[int, ...] = ()
    asking: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskLook:
    """One slow look at one process: all tasks (or `task_count` alone where they are too many to read each time).

    Of them `ended_count` are done, and something still holds them (up to 3.13 asyncio lists those as well).
    `thread_requests` are the requests that threads without an event loop work for.
    """

    at_s: float
    tasks: tuple[Task, ...] = ()
    task_count: int = 0
    callbacks: tuple[Callback, ...] = ()
    scopes: tuple[Scope, ...] = ()
    pools: tuple[Pool, ...] = ()
    thread_requests: int = 0
    waits: tuple[Wait, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    claims: tuple[Claim, ...] = ()
    ended_count: int = 0
    full_queues: tuple[FullQueue, ...] = ()

    @property
    def pending(self) -> int:
        """How many tasks have not ended."""
        return self.task_count - self.ended_count
