"""Executors of processes, found through the thread that hands out their work.

Sources: Lib/concurrent/futures/process.py, and what others have built upon it. That thread keeps the work that has been
asked for and not been done (`pending_work_items`) beside the members (`processes`, by their process ids): in variables
of its function up to 3.8, in attributes since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.tasks import Pool
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pools import Worker

KIND = "job pool"
PENDING, MEMBERS, OWNER = "pending_work_items", "processes", "executor_reference"
OUTERMOST = 4
"""Beneath the thread's own function lie at most two of `threading`."""

MOST_ALIKE = 8
"""Of threads that run the same functions so many are asked in vain, then the others are not: an executor's thread runs
a function of its own, and a service may have a thousand workers that all run another."""

Names = Mapping[str, int]


class ProcessPoolReader:
    """Reads such executors in one interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._asked: dict[int, tuple[tuple[int, ...], Names]] = {}
        self._in_vain: Counter[tuple[int, ...]] = Counter()

    def read(self, workers: Iterable[Worker]) -> list[Pool]:
        """Every such executor, with the work that is beyond its members as what is queued."""
        asked, self._asked = self._asked, {}
        for worker in workers:
            begin = worker.frames[-OUTERMOST:]
            codes = tuple(raw.code for raw in begin)
            known = asked.get(worker.tid)
            self._asked[worker.tid] = known if known and known[0] == codes else (codes, self._ask(codes, begin))
        return [pool for _, names in self._asked.values() if names and (pool := self._pool(names))]

    def _ask(self, codes: tuple[int, ...], frames: Iterable[RawFrame]) -> Names:
        if self._in_vain[codes] >= MOST_ALIKE:
            return {}
        found = self._kept(frames)
        self._in_vain[codes] += not found
        return found

    def _kept(self, frames: Iterable[RawFrame]) -> Names:
        """What the thread that hands out work keeps; nothing for any other thread."""
        for raw in frames:
            try:
                names = dict(self._interpreter.some_locals(raw, ("self", PENDING, MEMBERS, OWNER)))
                names |= self._objects.attributes(names["self"]) if "self" in names else {}
            except Misread:
                continue
            if {PENDING, MEMBERS} <= names.keys():
                return {name: names[name] for name in (PENDING, MEMBERS, OWNER) if name in names}
        return {}

    def _pool(self, names: Names) -> Pool | None:
        try:
            pending = self._objects.length(names[PENDING])
            keys = [self._objects.value(key, depth=0) for key, _ in self._objects.pairs(names[MEMBERS])]
            kind = self._kind(names)
        except Misread:
            return None
        pids = tuple(one for one in keys if isinstance(one, int))
        if not pids:
            return None
        busy = min(len(pids), pending)
        return Pool(names[PENDING], KIND, kind, len(pids), busy, pending - busy, pids, waiters=())

    def _kind(self, names: Names) -> str:
        """The executor's type; that of the thread's work where it is gone."""
        owner = self._objects.referent(names[OWNER]) if OWNER in names else None
        return self._objects.type_name(owner) if owner else "executor of processes"
