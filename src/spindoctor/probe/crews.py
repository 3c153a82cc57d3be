"""Crews: threads of a server that all run the same function and take their work from one queue that the server keeps.

The queue is found from what the function's frame holds, through a few attributes: a queue, or a deque beside the
condition on which the threads wait for it, under a name that speaks of work. Whose library it is does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.holdings import SIMPLE_QUEUE
from spindoctor.errors import Misread
from spindoctor.model.tasks import Pool
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pools import Worker

KIND = "crew"
START = re.compile(r"/threading\.py$")
"""The file of the functions in which a thread begins."""

WORK = re.compile(r"queue|task|job|request|backlog|pending|todo|work|inbox", re.IGNORECASE)
"""What the attribute that keeps waiting work is called."""

IDLE_DEPTH = 2
"""Who waits for work stands at most two calls above the crew's function: in a queue's `get`, then in `wait`."""

MOST_STEPS = 3
"""From the function's frame to the queue: `self`, its server, the server's pool of threads, the queue."""

MOST_OBJECTS = 60
"""A bound for what has no end; each crew is asked once."""

SEVERAL = 2
"""One thread with a queue of its own is a pipeline's stage; a second one shows that they share it."""

QUEUES = ("not_empty", "unfinished_tasks")
DEQUE = "collections.deque"
CONDITION = "Condition"


class CrewReader:
    """Reads the crews of one interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._queues: dict[int, tuple[int, str] | None] = {}
        self._depths: dict[int, tuple[Worker, int | None]] = {}

    def read(self, workers: Sequence[Worker]) -> list[Pool]:
        """Every crew all of whose threads are at work."""
        crews: dict[tuple[str, str], list[tuple[Worker, int]]] = {}
        for worker in workers:
            depth = self._depth_of(worker)
            if depth is not None:
                frame = worker.frames[depth].frame
                crews.setdefault((frame.file, frame.function), []).append((worker, depth))
        busy = [one for one in crews.values() if len(one) >= SEVERAL and all(depth > IDLE_DEPTH for _, depth in one)]
        return [pool for crew in busy if (pool := self._pool(crew))]

    def _depth_of(self, worker: Worker) -> int | None:
        """Where the crew's function stands; of a thread that has not moved it is known."""
        known = self._depths.get(worker.tid)
        if known is None or known[0] is not worker:
            known = self._depths[worker.tid] = (worker, _depth(worker))
        return known[1]

    def _pool(self, crew: Sequence[tuple[Worker, int]]) -> Pool | None:
        loops = [worker.frames[depth] for worker, depth in crew]
        key = loops[0].address
        if key not in self._queues:
            first, second = self._found(loops[0]), self._found(loops[1])
            self._queues[key] = next(((queue, name) for queue, name in first.items() if queue in second), None)
        found = self._queues[key]
        if found is None:
            return None
        try:
            queued = self._objects.length(found[0])
        except Misread:
            return None
        tids = tuple(worker.tid for worker, _ in crew)
        return Pool(found[0], KIND, found[1], len(tids), len(tids), queued, tids, waiters=())

    def _found(self, loop: RawFrame) -> dict[int, str]:
        """Queue -> the type of the object that keeps it, the nearest first."""
        try:
            values = self._interpreter.locals(loop)
        except Misread:
            return {}
        found = {address: name for name, address in values.items() if WORK.search(name) and self._is_queue(address)}
        level, seen = list(values.values()), set[int]()
        for _ in range(MOST_STEPS):
            inner: list[int] = []
            for holder in level:
                if holder not in seen and len(seen) < MOST_OBJECTS:
                    seen.add(holder)
                    names = self._names(holder)
                    found |= {address: self._objects.type_name(holder) for address in self._kept(names)}
                    inner += names.values()
            level = inner
        return found

    def _kept(self, names: Mapping[str, int]) -> Iterator[int]:
        """What of these attributes is a queue of work; a deque is one beside a condition that announces work."""
        kinds = {name: self._kind(address) for name, address in names.items()}
        has_condition = CONDITION in kinds.values()
        for name, kind in kinds.items():
            if WORK.search(name) and ((kind == DEQUE and has_condition) or self._is_queue(names[name], kind)):
                yield names[name]

    def _is_queue(self, address: int, kind: str = "") -> bool:
        if (kind or self._kind(address)) == SIMPLE_QUEUE:
            return True
        names = self._names(address)
        return all(name in names for name in QUEUES)

    def _kind(self, address: int) -> str:
        try:
            return self._objects.type_name(address)
        except Misread:
            return ""

    def _names(self, address: int) -> Mapping[str, int]:
        try:
            return self._objects.attributes(address)
        except Misread:
            return {}


def _depth(worker: Worker) -> int | None:
    """Where the crew's function stands on the stack: the first that is not the standard library's way into a thread."""
    frames = worker.frames
    if worker.entry or not frames or not START.search(frames[-1].frame.file):
        return None  # an executor tells of itself
    numbers = range(len(frames) - 1, -1, -1)
    return next((number for number in numbers if not START.search(frames[number].frame.file)), None)
