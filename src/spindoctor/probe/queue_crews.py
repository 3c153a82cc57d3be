"""Threads that serve requests out of a queue: what a request waits for lies in it until one of them takes it out.

A handler makes an event, a future or a queue for the answer, puts it into a queue with its work, and waits for it. Of
the threads that take work out one shows by what it has at hand, which is what one of the requests waits for, or by its
own wait for the next piece of work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.holdings import SIMPLE_QUEUE
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.tasks import Pool, TaskLook
from spindoctor.probe.crews import START
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.locks import Scene, Sleeper
from spindoctor.probe.module_values import ModuleValues
from spindoctor.probe.task_crews import MODULE, somebody_may_serve

KIND = "queue crew"
QUEUE = "Queue"
"""How the types of queues end, in any library."""

KEEPS = ("queue", "_queue")
"""Where they keep what was put in (Lib/queue.py, and those that are made after it)."""

OF_TASKS = "_getters"
"""An attribute that only queues of tasks have (Lib/asyncio/queues.py)."""

MIN_REQUESTS = 2
"""One request alone queues behind nobody."""

MOST_ASKERS = 200
MOST_THREADS = 64
MOST_QUEUES = 32
MOST_FRAMES = 3
MOST_ITEMS = 64
MOST_PARTS = 8
SELF = ("self",)

Frames = Sequence[RawFrame]
Targets = Mapping[int, tuple[int, int]]
"""What somebody waits for -> the thread (0: none) and the task (0: none) that does."""


class QueueCrewReader:
    """Reads such queues of one process."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool], modules: ModuleValues) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._modules = modules
        self._files: set[str] = set()
        self._globals: set[int] = set()
        """The queues that modules keep in variables of their own, and the files of which it is known."""
        self._targets: dict[int, tuple[Frames, int | None]] = {}
        self._owned: dict[int, tuple[Frames, bool, Frames]] = {}
        self._queues: dict[int, tuple[Frames, frozenset[int]]] = {}
        self._members: dict[int, set[int]] = {}
        """By queue the threads that were seen to take work out of it."""

    def look(
        self, look: TaskLook, sleepers: Collection[Sleeper], scene: Scene, waiters: Mapping[int, int]
    ) -> tuple[Pool, ...]:
        """Each queue in which requests lie; `waiters` are the futures that tasks await."""
        asleep = self._asleep(sleepers)
        asking = {one.address for one in look.tasks if one.route}
        targets = {future: (0, task) for task, future in waiters.items() if task in asking}
        targets |= {target: (tid, 0) for tid, target in asleep.items()}
        if len(targets) < MIN_REQUESTS:
            return ()
        loops = {one.tid for one in scene.loops}
        pooled = {tid for pool in look.pools for tid in pool.tids}
        others = self._own_frames({tid: frames for tid, frames in scene.stacks.items() if tid not in loops}, pooled)
        queues = sorted(self._at_hand(others) | self._globals)[:MOST_QUEUES]
        pools = (self._pool(queue, targets, asleep, others) for queue in queues)
        is_served = somebody_may_serve(look, self._is_user)
        return tuple(pool for pool in pools if pool and (pool.size or not is_served))

    def _asleep(self, sleepers: Collection[Sleeper]) -> dict[int, int]:
        """What each thread waits for in a method of a library's, as far as that shows."""
        known, self._targets = self._targets, {}
        for one in list(sleepers)[:MOST_ASKERS]:
            before = known.get(one.tid)
            if before is None or before[0] is not one.frames:
                before = one.frames, self._target(one.frames)
            self._targets[one.tid] = before
        return {tid: target for tid, (_, target) in self._targets.items() if target}

    def _target(self, frames: Frames) -> int | None:
        """The object whose method the user's innermost function has called."""
        own = next((number for number, raw in enumerate(frames) if self._is_user(raw.frame)), 0)
        if not own:
            return None
        with suppress(Misread):
            return self._interpreter.some_locals(frames[own - 1], SELF).get("self")
        return None

    def _pool(
        self, queue: int, targets: Targets, asleep: Mapping[int, int], others: Mapping[int, Frames]
    ) -> Pool | None:
        queued = dict.fromkeys(self._queued(queue, targets))
        if not queued:
            return None
        asking = {tid for tid, target in asleep.items() if target != queue}
        alike = self._alike(queued, targets)
        members = self._members.setdefault(queue, set())
        members &= others.keys()
        members |= {tid for tid, target in asleep.items() if target == queue}
        free = [tid for tid in others if tid not in asking][:MOST_THREADS]
        members |= {tid for tid in free if self._works_for(others[tid], alike)}
        members -= {targets[one][0] for one in queued}
        if not members and self._is_at_hand(queue, {tid: one for tid, one in others.items() if tid not in asking}):
            return None
        names = [self._name(others[tid]) for tid in sorted(members)] or [self._type_name(queue)]
        return Pool(
            queue,
            KIND,
            names[0],
            size=len(members),
            busy=sum(asleep.get(tid) != queue for tid in members),
            queued=len(queued),
            tids=tuple(sorted(members)),
            waiters=tuple(task for one in queued if (task := targets[one][1])),
            asking=tuple((tid, one) for one in queued if (tid := targets[one][0])),
        )

    def _is_at_hand(self, queue: int, others: Mapping[int, Frames]) -> bool:
        """Whether one of these threads may take something out: code of the user's may have a queue by any way.

        What has only begun the program comes back to it when all is over.
        """
        frames = [raw for one in others.values() for raw in one]
        is_near = any(queue in self._queues[tid][1] for tid in others if tid in self._queues)
        return is_near or any(self._is_user(raw.frame) and raw.frame.function != MODULE for raw in frames)

    def _queued(self, queue: int, targets: Targets) -> Iterator[int]:
        """What is waited for and lies in a queue, by itself or as a part of an item."""
        with suppress(Misread):
            for item in self._objects.items(self._kept(queue) or 0)[:MOST_ITEMS]:
                yield from (part for part in (item, *self._parts(item)) if part in targets)

    def _parts(self, item: int) -> Sequence[int]:
        with suppress(Misread):
            return tuple(value for _, value in self._objects.pairs(item)[:MOST_PARTS])
        with suppress(Misread):
            return self._objects.items(item)[:MOST_PARTS]
        with suppress(Misread):
            return tuple(self._objects.attributes(item).values())[:MOST_PARTS]
        return ()

    def _alike(self, queued: Collection[int], targets: Targets) -> frozenset[int]:
        """What is waited for and is of the same type as that which lies in the queue."""
        kinds = {self._type_name(one) for one in queued}
        return frozenset(one for one in targets if self._type_name(one) in kinds)

    def _type_name(self, address: int) -> str:
        with suppress(Misread):
            return self._objects.type_name(address)
        return ""

    def _works_for(self, frames: Frames, targets: Collection[int]) -> bool:
        """Whether a thread's own functions have at hand what one of the requests waits for."""
        values = list(dict.fromkeys(value for raw in frames for value in self._values(raw)))
        return any(one in targets or any(part in targets for part in self._parts(one)) for one in values)

    def _at_hand(self, threads: Mapping[int, Frames]) -> frozenset[int]:
        """The queues that threads have at hand; one that has not moved is asked once."""
        known, self._queues = self._queues, {}
        for tid, frames in list(threads.items())[:MOST_THREADS]:
            before = known.get(tid)
            if before is None or before[0] is not frames:
                before = frames, frozenset(self._queues_of(frames))
                self._globals.update(self._kept_by_modules(frames))
            self._queues[tid] = before
        return frozenset(queue for _, queues in self._queues.values() for queue in queues)

    def _queues_of(self, frames: Frames) -> Iterator[int]:
        """The queues among the variables of a thread's own functions, and among what their `self` keeps."""
        for raw in frames:
            yield from (one for one in self._values(raw) if self._is_queue(one))

    def _own_frames(self, threads: Mapping[int, Frames], pooled: Collection[int]) -> Mapping[int, Frames]:
        """The functions that say what each thread is there for; those of one that has not moved are known."""
        known, self._owned = self._owned, {}
        for tid, frames in threads.items():
            before = known.get(tid)
            if before is None or before[0] is not frames or before[1] != (tid in pooled):
                before = frames, tid in pooled, self._own(frames, is_pooled=tid in pooled)
            self._owned[tid] = before
        return {tid: own for tid, (_, _, own) in self._owned.items() if own}

    def _own(self, frames: Frames, *, is_pooled: bool) -> Frames:
        """The user's functions, and the one that a library has begun the thread with; a known pool tells of itself."""
        own = [raw for raw in frames if self._is_user(raw.frame)][:MOST_FRAMES]
        begun = [raw for raw in frames if not is_pooled and not START.search(raw.frame.file)][-1:]
        return [*own, *(raw for raw in begun if not self._is_user(raw.frame))]

    def _values(self, raw: RawFrame) -> Iterator[int]:
        """A frame's variables, and the attributes of its `self`."""
        with suppress(Misread):
            variables = self._interpreter.locals(raw)
            yield from variables.values()
            if holder := variables.get("self"):
                yield from self._objects.attributes(holder).values()

    def _kept_by_modules(self, frames: Frames) -> Iterator[int]:
        """The queues that the modules of the user's functions keep; those of each file are asked for once."""
        for file in {raw.frame.file for raw in frames if self._is_user(raw.frame)} - self._files:
            self._files.add(file)
            yield from (one for _, one in self._modules.of(file) if self._is_queue(one))

    def _is_queue(self, address: int) -> bool:
        with suppress(Misread):
            return self._objects.type_name(address).endswith(QUEUE) and self._kept(address) is not None
        return False

    def _kept(self, queue: int) -> int | None:
        """The container of what was put in; None for a queue of tasks, which is no matter of threads."""
        if self._objects.type_name(queue) == SIMPLE_QUEUE:
            return queue
        names = self._objects.attributes(queue)
        return None if OF_TASKS in names else next((names[name] for name in KEEPS if name in names), None)

    def _name(self, frames: Frames) -> str:
        """The outermost of a thread's own functions: what it was made for."""
        return frames[-1].frame.function
