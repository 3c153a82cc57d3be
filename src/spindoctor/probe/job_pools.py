"""Pools of `multiprocessing`, of processes or of threads, found through who waits for a result, or tends the members.

Sources: Lib/multiprocessing/pool.py; a result keeps its pool until it is there, and a pool its members. The thread that
replaces members that have ended has them, and the results that are not there yet (`cache`), in its variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.tasks import Pool
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.pools import Worker

KIND = "job pool"
FILE = "multiprocessing/pool.py"
WAITS = frozenset({"wait", "get"})
TENDS = "_handle_workers"
CACHE, MEMBERS, SIZE = "cache", "pool", "processes"
OUTERMOST = 4
"""Beneath the thread's own function lie at most three of `threading`."""

INNER_FRAMES = 4
"""From the condition through the event and the result's `wait` to its `get`."""


class JobPoolReader:
    """Reads such pools in one interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._asked: dict[int, tuple[tuple[RawFrame, ...], int | None]] = {}

    def read(self, workers: Iterable[Worker]) -> list[Pool]:
        """Every pool for whose results threads wait, or whose members a thread tends.

        It works for as many callers, or results, at a time as it has members.
        """
        workers = list(workers)
        callers: dict[int, int] = {}
        asked, self._asked = self._asked, {}
        for worker in workers:
            known = asked.get(worker.tid)
            if known is None or known[0] is not worker.frames:
                known = (worker.frames, pool_awaited(self._interpreter, worker.frames))
            self._asked[worker.tid] = known
            if known[1]:
                callers[known[1]] = callers.get(known[1], 0) + 1
        awaited = [pool for address, count in callers.items() if (pool := self._pool(address, count))]
        tended = [pool for worker in workers if (pool := self._tended(worker))]
        told = {pool.tids for pool in awaited}
        return [*awaited, *(pool for pool in tended if pool.tids not in told)]

    def _tended(self, worker: Worker) -> Pool | None:
        """The pool whose members this thread tends; a result of many pieces counts as one."""
        for raw in worker.frames[-OUTERMOST:]:
            if raw.frame.file.endswith(FILE) and raw.frame.function.rpartition(".")[2] == TENDS:
                try:
                    names = self._interpreter.some_locals(raw, (CACHE, MEMBERS, SIZE))
                    return self._made(
                        names[MEMBERS], "Pool", names[SIZE], names[MEMBERS], self._objects.length(names[CACHE])
                    )
                except (Misread, LookupError):
                    return None
        return None

    def _pool(self, address: int, callers: int) -> Pool | None:
        try:
            names = self._objects.attributes(address)
            return self._made(address, self._objects.type_name(address), names["_processes"], names["_pool"], callers)
        except (Misread, LookupError):
            return None

    def _made(self, address: int, kind: str, size_at: int, members: int, asked: int) -> Pool | None:
        size = self._objects.value(size_at)
        if not isinstance(size, int) or size < 1:
            return None
        tids = tuple(one for member in self._objects.items(members) if (one := self._member(member)))
        busy = min(size, asked)
        return Pool(address, KIND, kind, size, busy, asked - busy, tids, waiters=())

    def _member(self, address: int) -> int | None:
        """The kernel id of a member: of a thread, or of a process and its first thread."""
        names = self._objects.attributes(address)
        started = names.get("_popen")
        kept = self._objects.attributes(started).get("pid") if started and "_native_id" not in names else None
        value = self._objects.value(names.get("_native_id") or kept or 0, depth=0)
        return value if isinstance(value, int) else None


def is_wait(raw: RawFrame) -> bool:
    """Whether a frame is that of a result's `get` or `wait`."""
    return raw.frame.file.endswith(FILE) and raw.frame.function.rpartition(".")[2] in WAITS


def pool_awaited(interpreter: Interpreter, frames: Sequence[RawFrame]) -> int | None:
    """The pool for whose result this stack waits; None for any other stack, and once the result is there."""
    for raw in frames[:INNER_FRAMES]:
        if is_wait(raw):
            try:
                result = interpreter.locals(raw).get("self")
                pool = interpreter.objects.attributes(result).get("_pool") if result else None
                return pool if pool and "_processes" in interpreter.objects.attributes(pool) else None
            except Misread:
                return None
    return None
