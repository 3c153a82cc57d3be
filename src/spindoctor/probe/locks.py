"""Who waits for whom: threads asleep on locks, joins and futures, and tasks that wait for a lock of tasks.

A thread that sleeps on a lock sleeps on a futex: up to 3.13 it lies in the semaphore that the lock object points to,
from 3.14 on in the sleeper's own stack, right behind the address of the lock's byte (Python/parking_lot.c,
`struct wait_entry`). So the lock is known and never guessed. Who holds it: the owner where the lock keeps one (RLock),
else the thread or task in one of whose frames a `with` block of that lock is open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.cpython.contexts import Contexts, of_frames
from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.locks import SHARED_LOCK, Party, Wait
from spindoctor.model.tasks import Pool
from spindoctor.probe.futures import FutureReader
from spindoctor.probe.guards import ENTERS, SAYS_LOCKED, asks_at_condition, guard_asked
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.job_pools import INNER_FRAMES as RESULT_FRAMES
from spindoctor.probe.job_pools import is_wait, pool_awaited
from spindoctor.probe.loops import LoopWatch
from spindoctor.probe.semaphores import SHARED, is_mutex
from spindoctor.probe.suspended import ADDRESS_BITS

HEAD = 16
"""Reference count and type; the lock itself lies behind them (Modules/_threadmodule.c)."""

OWNER_AT = 24
"""`rlock_owner`, and from 3.14 on the `thread` of `_PyRecursiveMutex`: a pthread id."""

LOCKS = frozenset({"_thread.lock", "_thread.RLock", SHARED})
OWNED = "_thread.RLock"
SIGNALS_FILES = ("/threading.py", "/multiprocessing/synchronize.py")
FUTURES_FILE = "concurrent/futures/_base.py"
MUTEXES = frozenset({"lock", "task lock"})
GENERATORS = frozenset({"generator", "async_generator"})
SELF = ("self",)
JOINS = frozenset({"join", "_wait_for_tstate_lock"})
RESULTS = frozenset({"result", "exception"})
INNER_FRAMES = 3
MOST_HELD = 64
ADDRESS = (1 << ADDRESS_BITS) - 1
"""The part of a suspended greenlet's number that is where it lies."""


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A thread of Python that sleeps on a futex and has not moved since the look before; its stack innermost first."""

    tid: int
    frames: tuple[RawFrame, ...]
    futex: int
    has_limit: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What one look gives to find holders in: all stacks and await chains, loops, pools, pthread ids to kernel ids.

    `owners` are the pthread ids of all threads that can run Python code, also of those whose kernel id is not known,
    `greenlets` those of the chains that are no asyncio task's but a suspended greenlet's, or a task's that is parked.
    """

    stacks: Mapping[int, tuple[RawFrame, ...]]
    chains: Mapping[int, tuple[RawFrame, ...]]
    loops: Sequence[LoopWatch]
    pools: Sequence[Pool]
    idents: Mapping[int, int]
    owners: Collection[int]
    greenlets: Collection[int] = ()


class LockReader:
    """Finds waits and holders in one process."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._reader = interpreter.reader
        self._contexts = Contexts(interpreter.reader, interpreter.objects)
        self._futures = FutureReader(interpreter)
        self._slept_on: dict[int, tuple[tuple[RawFrame, ...], int, int | None]] = {}
        self._queues: dict[int, tuple[tuple[RawFrame, ...], int | None]] = {}
        self._idle: dict[int, tuple[RawFrame, ...]] = {}
        self._guards: dict[int, tuple[tuple[RawFrame, ...], int | None]] = {}
        self._blocks: dict[int, tuple[tuple[RawFrame, ...], tuple[tuple[RawFrame, int], ...]]] = {}

    def look(self, sleepers: Iterable[Sleeper], scene: Scene) -> tuple[Wait, ...]:
        """Every wait that could be read, with its holders where they show."""
        waits = [wait for one in sleepers if (wait := self._thread_wait(one, scene))]
        guarded = [wait for one in sleepers if asks_at_condition(one.frames) and (wait := self._guard(one))]
        waits += [*guarded, *self._task_waits(scene)]
        wanted = {wait.target for wait in waits if wait.kind in MUTEXES and not wait.holders}
        if not wanted:
            return tuple(waits)
        held = self._held(wanted, scene)
        waiters: dict[int, set[Party]] = {}
        for wait in waits:
            waiters.setdefault(wait.target, set()).add(wait.waiter)
        told = [_with_holders(wait, held.get(wait.target, ()), waiters[wait.target]) for wait in waits]
        # who waits at an object's condition, or as a greenlet, may wait for something else of it: a lock has a holder
        unsure = {wait.target for wait in guarded} | {w.target for w in waits if w.waiter.task in scene.greenlets}
        return tuple(wait for wait in told if wait.holders or wait.target not in unsure)

    def _guard(self, one: Sleeper) -> Wait | None:
        """The wait for a lock that is made of a condition."""
        known = self._guards.get(one.tid)
        if known is None or known[0] is not one.frames:
            known = self._guards[one.tid] = (one.frames, guard_asked(self._interpreter, one.frames))
        try:
            kind = self._objects.type_name(known[1]) if known[1] else ""
        except Misread:
            return None
        return Wait(Party(tid=one.tid), "lock", known[1], kind, has_limit=one.has_limit) if known[1] else None

    def _thread_wait(self, one: Sleeper, scene: Scene) -> Wait | None:
        try:
            if self._idle.get(one.tid) is one.frames:
                return None
            if not _waits_for_a_sign(one.frames):
                return self._lock(one, scene)
            if not may_name_whom(one.frames):
                self._idle[one.tid] = one.frames
                return None
            return self._sign(one, scene)
        except Misread:
            return None

    def _lock(self, one: Sleeper, scene: Scene) -> Wait | None:
        known = self._slept_on.get(one.tid)
        if known is None or known[0] is not one.frames or known[1] != one.futex:
            known = self._slept_on[one.tid] = (one.frames, one.futex, self._lock_at(one))
        lock = known[2]
        if lock is None:
            return None
        kind = self._objects.type_name(lock)
        if kind == SHARED:
            return self._shared(one, lock)
        owner = self._reader.word(lock + OWNER_AT) if kind == OWNED else 0
        tid = scene.idents.get(owner)
        return Wait(
            waiter=Party(tid=one.tid),
            kind="lock",
            target=lock,
            type_name=kind,
            holders=(Party(tid=tid),) if tid else (),
            is_orphaned=bool(owner) and owner not in scene.owners,
            has_limit=one.has_limit,
        )

    def _shared(self, one: Sleeper, lock: int) -> Wait | None:
        """A lock of several processes: who has it is asked of all of them (see `SharedLockReader`)."""
        if not is_mutex(self._reader, lock):
            return None
        return Wait(Party(tid=one.tid), SHARED_LOCK, lock, SHARED, has_limit=one.has_limit)

    def _lock_at(self, one: Sleeper) -> int | None:
        """The lock object whose futex this is."""
        parked = self._parked(one.futex)
        if parked:
            return parked
        for address in dict.fromkeys((*self._contexts.values(one.frames[0]), *self._near(one.frames[0]))):
            for lock in (address, *self._left_by(address)):
                if self._is_lock(lock) and self._reader.word(lock + HEAD) == one.futex:
                    return lock
        return None

    def _parked(self, futex: int) -> int | None:
        try:
            lock = self._reader.word(futex - 8) - HEAD
        except Misread:
            return None
        return lock if self._is_lock(lock) else None

    def _left_by(self, address: int) -> tuple[int, ...]:
        """What a bound method on the value stack is bound to."""
        try:
            holder = self._objects.function(address).holder if address else None
        except Misread:
            return ()
        return (holder,) if holder else ()

    def _near(self, raw: RawFrame) -> list[int]:
        """The values of a frame's variables, and what its `self` has in its attributes."""
        variables = self._interpreter.locals(raw)
        holder = variables.get("self")
        try:
            attributes = list(self._objects.attributes(holder).values()) if holder else []
        except Misread:
            attributes = []
        return [*variables.values(), *attributes]

    def _is_lock(self, address: int) -> bool:
        try:
            return address > HEAD and self._objects.type_name(address) in LOCKS
        except Misread:
            return False

    def _sign(self, one: Sleeper, scene: Scene) -> Wait | None:
        """A thread that waits for the end of another one, or for a future."""
        if _name(one.frames[0]) in JOINS:
            return self._join(one, scene)
        if (pool := pool_awaited(self._interpreter, one.frames)) is not None:
            return _in_pool(one, pool, scene)
        for raw in one.frames[1:INNER_FRAMES]:
            if _name(raw) in RESULTS and raw.frame.file.endswith(FUTURES_FILE):
                future = self._interpreter.locals(raw).get("self")
                return self._future(one, future, scene) if future and self._futures.is_pending(future) else None
        return None

    def _join(self, one: Sleeper, scene: Scene) -> Wait | None:
        thread = self._interpreter.locals(one.frames[0]).get("self")
        ident = self._objects.attributes(thread).get("_ident") if thread else None
        value = self._objects.value(ident) if ident else None
        tid = scene.idents.get(value) if isinstance(value, int) else None
        if thread is None or tid is None:
            return None
        kind = self._objects.type_name(thread)
        return Wait(Party(tid=one.tid), "join", thread, kind, (Party(tid=tid),), has_limit=one.has_limit)

    def _future(self, one: Sleeper, future: int, scene: Scene) -> Wait | None:
        waiter, kind = Party(tid=one.tid), self._objects.type_name(future)
        for watch in scene.loops:
            if self._futures.is_for(future, watch):
                brings = self._brings(one, future, watch, scene)
                return Wait(waiter, "future", future, kind, (brings,), has_limit=one.has_limit)
        for pool in scene.pools:
            if pool.kind == "executor" and future in self._futures.queued_in(pool.address):
                members = tuple(Party(tid=tid) for tid in pool.tids)
                return Wait(waiter, "pool", pool.address, pool.name, members, has_limit=one.has_limit)
        worker = next((tid for tid, frames in scene.stacks.items() if future in self._worked_on(frames)), None)
        holders = (Party(tid=worker),) if worker else ()
        return Wait(waiter, "future", future, kind, holders, has_limit=one.has_limit) if holders else None

    def _brings(self, one: Sleeper, future: int, watch: LoopWatch, scene: Scene) -> Party:
        """The task whose result it is; the loop's thread where that waits itself, or no suspended task shows."""
        task = next((task for task in self._futures.sources(future) if task in scene.chains), None)
        return Party(task=task) if task and one.tid != watch.tid else Party(tid=watch.tid)

    def _worked_on(self, frames: Sequence[RawFrame]) -> Iterator[int]:
        """The futures that an executor's thread works for, found in the frames of the executor's own code."""
        for raw in frames[-INNER_FRAMES * 2 :]:
            if "concurrent/futures/" in raw.frame.file:
                try:
                    future = self._futures.worked_on(self._interpreter.locals(raw))
                except Misread:
                    continue
                if future:
                    yield future

    def _task_waits(self, scene: Scene) -> list[Wait]:
        """Tasks whose innermost frame is a method of an object that is locked and has waiters."""
        self._blocks = {task: one for task, one in self._blocks.items() if task in scene.chains}
        self._queues = {task: one for task, one in self._queues.items() if task in scene.chains}
        found = []
        greenlets = {task & ADDRESS: task for task in scene.greenlets}
        for task, frames in scene.chains.items():
            known = self._queues.get(task)
            if known is None or known[0] is not frames:
                lock = self._task_lock(frames, is_greenlet=task in scene.greenlets)
                known = self._queues[task] = (frames, lock)
            if known[1]:
                kind, owner = self._objects.type_name(known[1]), self._owner(known[1], greenlets)
                holders = (Party(task=owner),) if owner else ()
                found.append(Wait(Party(task=task), "task lock", known[1], kind, holders))
        return found

    def _task_lock(self, frames: Sequence[RawFrame], *, is_greenlet: bool) -> int | None:
        """What a task asks for: it is locked where somebody queues; a greenlet is suspended there for that alone."""
        if not frames or not _enters(frames[0]):
            return None
        try:
            holder = self._interpreter.locals(frames[0]).get("self")
            names = self._objects.attributes(holder) if holder else {}
        except Misread:
            return None
        has_queue = is_greenlet or any("waiter" in name for name in names)
        return holder if has_queue and any(map(SAYS_LOCKED.search, names)) else None

    def _owner(self, lock: int, greenlets: Mapping[int, int]) -> int | None:
        """The greenlet that a lock says it is owned by: itself, or its address as the number of a thread."""
        if not greenlets:
            return None
        try:
            values = [value for name, value in self._objects.attributes(lock).items() if SAYS_LOCKED.search(name)]
            owner = next((greenlets[value] for value in values if value in greenlets), None)
            numbers = [self._objects.value(value) for value in values] if owner is None else []
        except Misread:
            return None
        return owner or next((greenlets[one] for one in numbers if isinstance(one, int) and one in greenlets), None)

    def _held(self, wanted: set[int], scene: Scene) -> dict[int, list[Hold]]:
        """Who stands in a block of each wanted object, once for each block."""
        found: dict[int, list[Hold]] = {}
        parties = [(Party(tid=tid), frames) for tid, frames in scene.stacks.items()]
        running = {raw.address for frames in scene.stacks.values() for raw in frames}
        parties += [(Party(task=task), frames) for task, frames in scene.chains.items() if _sleeps(frames, running)]
        for party, frames in parties:
            entry = next((raw for raw in frames if not _enters(raw)), None)
            for raw, held in self._open_blocks(party, frames):
                for lock in wanted & {held, *self._behind(held, running)}:
                    found.setdefault(lock, []).append(Hold(party, raw.frame, is_at_entry=raw is entry))
        return found

    def _open_blocks(self, party: Party, frames: tuple[RawFrame, ...]) -> Sequence[tuple[RawFrame, int]]:
        """What the frames are inside of; of a task that has not moved (the same chain as before) it is known."""
        if party.task is None:
            return tuple(of_frames(self._contexts, frames))
        known = self._blocks.get(party.task)
        if known is None or known[0] is not frames:
            known = self._blocks[party.task] = (frames, tuple(of_frames(self._contexts, frames)))
        return known[1]

    def _behind(self, held: int, running: set[int]) -> set[int]:
        """What an object with a block of its own has or is inside of: a condition, a guard, a `contextmanager`."""
        if self._is_lock(held):
            return set()
        try:
            values = list(self._objects.attributes(held).values())[:MOST_HELD]
            inner = [value for value in values if self._objects.type_name(value) in GENERATORS]
            frames = [raw for one in inner for raw in self._interpreter.coroutine_chain(one).frames]
            asleep = [raw for raw in frames if raw.address not in running]
            selves = [self._interpreter.some_locals(raw, SELF).get(SELF[0], 0) for raw in asleep]
        except Misread:
            return set()
        return {*values, *selves, *(one for _, one in of_frames(self._contexts, asleep))}


@dataclass(frozen=True, slots=True)
class Hold:
    """One open block; `is_at_entry`: in the frame in which its party may be about to enter one."""

    party: Party
    frame: Frame
    is_at_entry: bool


def _in_pool(one: Sleeper, address: int, scene: Scene) -> Wait | None:
    """A wait for a result of a pool of threads: any of its members would do."""
    pool = next((pool for pool in scene.pools if pool.address == address), None)
    if pool is None or not set(pool.tids) <= scene.stacks.keys():
        return None
    members = tuple(Party(tid=tid) for tid in pool.tids)
    return Wait(Party(tid=one.tid), "pool", address, pool.name, members, has_limit=one.has_limit)


def _name(raw: RawFrame) -> str:
    return raw.frame.function.rpartition(".")[2]


def _enters(raw: RawFrame) -> bool:
    return bool(ENTERS.match(_name(raw)))


def _sleeps(frames: Sequence[RawFrame], running: set[int]) -> bool:
    """Whether these are the frames of a task that is on no thread's stack: there it counts as that thread's."""
    return bool(frames) and not any(raw.address in running for raw in frames)


def _waits_for_a_sign(frames: Sequence[RawFrame]) -> bool:
    return frames[0].frame.file.endswith(SIGNALS_FILES) and not _enters(frames[0])


def may_name_whom(frames: Sequence[RawFrame]) -> bool:
    """Whether a thread that waits for a sign stands in a function that names who is to give it."""
    names_one = _name(frames[0]) in JOINS or any(_name(raw) in RESULTS for raw in frames[1:INNER_FRAMES])
    return names_one or any(map(is_wait, frames[:RESULT_FRAMES]))


def _with_holders(wait: Wait, held: Sequence[Hold], waiters: Collection[Party]) -> Wait:
    """The wait with the one in whose frames a block of its target is open; without, where there are several.

    Who waits for the target stands at the entry of a block of it, which may show as one that is open already.
    """
    if wait.holders or wait.kind not in MUTEXES:
        return wait
    open_blocks = [one for one in held if not (one.party in waiters and one.is_at_entry)]
    parties = tuple(dict.fromkeys(one.party for one in open_blocks))
    return replace(wait, holders=parties, held_at=open_blocks[0].frame) if len(parties) == 1 else wait
