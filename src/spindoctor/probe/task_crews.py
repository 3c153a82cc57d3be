"""Tasks that serve requests out of a queue: what a request awaits lies in the queue until one of them takes it out.

A handler makes a future, puts it into a queue with its work, and awaits it. The queue is found among the variables of
those who put in and who take out; a request whose future lies in it is one that nobody works for yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.frames import Frame
from spindoctor.model.tasks import Pool, Task, TaskLook
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.module_values import ModuleValues

KIND = "task crew"
QUEUE = frozenset({"_queue", "_getters"})
"""Attributes by which a queue of tasks is known (Lib/asyncio/queues.py)."""

MIN_REQUESTS = 2
"""One request alone queues behind nobody."""

MOST_ASKERS = 4
"""Requests asked for their queue: those that wait at one line have the same."""

MOST_TASKS = 64
"""Other tasks asked in one look; who has not moved is asked once."""

MOST_FRAMES = 3
MOST_ITEMS = 64
MOST_PARTS = 8
BARREN_AFTER = 8
"""So many instances of a type that are no queue and keep none, and its others are not asked."""

MODULE = "<module>"
"""What has only begun the program: it comes back to its own code when all is over."""

QUEUES_FILE = "asyncio/queues.py"
"""Where the standard library's queues of tasks wait for an item."""

Chains = Mapping[int, Sequence[RawFrame]]


class TaskCrewReader:
    """Reads such queues of one process."""

    def __init__(self, interpreter: Interpreter, is_user: Callable[[Frame], bool], modules: ModuleValues) -> None:
        """Look through this interpreter; `is_user` tells the user's own code."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._is_user = is_user
        self._modules = modules
        self._of_files: dict[str, frozenset[int]] = {}
        self._known: dict[int, tuple[Sequence[RawFrame], frozenset[int]]] = {}
        self._barren: Counter[int] = Counter()

    def look(self, look: TaskLook, chains: Chains, waiters: Mapping[int, int]) -> tuple[Pool, ...]:
        """Each queue in which requests lie; `chains` are the tasks' frames, `waiters` the futures that they await."""
        asking = [one for one in look.tasks if one.route and one.address in waiters and self._is_bare(one)]
        if len(asking) < MIN_REQUESTS:
            return ()
        others = [one for one in look.tasks if one.route is None and one.address in chains][:MOST_TASKS]
        known, self._known = self._known, {}
        crews = {one.address: self._queues_of(one.address, chains, known) for one in others}
        found = [self._queues_of(one.address, chains, known) for one in asking[:MOST_ASKERS]]
        found += [self._of_modules(chains[one.address]) for one in asking[:MOST_ASKERS] if one.address in chains]
        futures = {waiters[one.address]: one.address for one in asking}
        names = {one.address: one.coroutine for one in others}
        pools = (self._pool(queue, futures, crews, names, chains) for queue in sorted(frozenset().union(*found)))
        is_served = somebody_may_serve(look, self._is_user)
        return tuple(pool for pool in pools if pool and (pool.size or not is_served))

    def _is_bare(self, task: Task) -> bool:
        """Whether the user's own line awaits a future, and no function of a library's that would say what for."""
        return bool(task.chain) and self._is_user(task.chain[0])

    def _pool(
        self,
        queue: int,
        futures: Mapping[int, int],
        crews: Mapping[int, frozenset[int]],
        names: Mapping[int, str],
        chains: Chains,
    ) -> Pool | None:
        members = tuple(task for task, queues in crews.items() if queue in queues)
        queued = tuple(dict.fromkeys(self._queued(queue, futures)))
        if not queued:
            return None
        name = Counter(names[task] for task in members).most_common(1)[0][0] if members else self._type_name(queue)
        # one that was woken a moment ago still stands where it asked
        busy = sum(not _gets(chains[task]) for task in members)
        return Pool(queue, KIND, name, len(members), busy, len(queued), waiters=queued, tasks=members)

    def _queued(self, queue: int, futures: Mapping[int, int]) -> Iterator[int]:
        """The requests whose futures lie in a queue, by themselves or as a part of an item."""
        with suppress(Misread, LookupError):
            for item in self._objects.items(self._objects.attributes(queue)["_queue"])[:MOST_ITEMS]:
                yield from (futures[part] for part in (item, *self._parts(item)) if part in futures)

    def _parts(self, item: int) -> Sequence[int]:
        with suppress(Misread):
            return self._objects.items(item)[:MOST_PARTS]
        with suppress(Misread):
            return tuple(self._objects.attributes(item).values())[:MOST_PARTS]
        return ()

    def _queues_of(
        self, task: int, chains: Chains, known: Mapping[int, tuple[Sequence[RawFrame], frozenset[int]]]
    ) -> frozenset[int]:
        """The queues that the user's innermost functions of a task have at hand."""
        frames = chains.get(task, ())
        before = known.get(task)
        if before is None or before[0] is not frames:
            mine = [raw for raw in frames if self._is_user(raw.frame)][:MOST_FRAMES]
            before = frames, frozenset(self._among(value for raw in mine for value in self._values(raw)))
        self._known[task] = before
        return before[1]

    def _of_modules(self, frames: Sequence[RawFrame]) -> frozenset[int]:
        """The queues that the modules of the user's functions keep, asked for once for each file."""
        files = {raw.frame.file for raw in frames if self._is_user(raw.frame)}
        for file in files - self._of_files.keys():
            self._of_files[file] = frozenset(one for _, one in self._modules.of(file) if self._is_queue(one))
        return frozenset().union(*(self._of_files[file] for file in files))

    def _type_name(self, address: int) -> str:
        with suppress(Misread):
            return self._objects.type_name(address)
        return "queue"

    def _values(self, raw: RawFrame) -> Iterable[int]:
        try:
            return self._interpreter.locals(raw).values()
        except Misread:
            return ()

    def _among(self, values: Iterable[int]) -> Iterator[int]:
        """The queues among these objects, and among what they keep."""
        for value in dict.fromkeys(values):
            kind, names = self._names(value)
            found = [value] if names.keys() >= QUEUE else [one for one in names.values() if self._is_queue(one)]
            self._barren[kind] += not found
            yield from found

    def _is_queue(self, address: int) -> bool:
        kind, names = self._names(address)
        is_queue = names.keys() >= QUEUE
        self._barren[kind] += not is_queue
        return is_queue

    def _names(self, address: int) -> tuple[int, Mapping[str, int]]:
        """The address of an object's class, and its attributes; none where others of the class had nothing to say."""
        kind = 0
        with suppress(Misread):
            kind = self._objects.classes.of(address).address
            return kind, self._objects.attributes(address) if self._barren[kind] < BARREN_AFTER else {}
        return kind, {}


def somebody_may_serve(look: TaskLook, is_user: Callable[[Frame], bool]) -> bool:
    """Whether a task that works for no request is in code of the user's, or is not known: it may have any queue."""
    chains = (task.chain for task in look.tasks if task.route is None and not task.is_done)
    is_unknown = len(look.tasks) < look.task_count
    return is_unknown or any(is_user(frame) and frame.function != MODULE for chain in chains for frame in chain)


def _gets(frames: Sequence[RawFrame]) -> bool:
    """Whether a task waits for an item of a queue."""
    inner = frames[0].frame if frames else None
    return inner is not None and inner.file.endswith(QUEUES_FILE) and inner.function.rpartition(".")[2] == "get"
