"""Pools of a live process: executors by their worker threads, limiters by the tasks that wait in them."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.tasks import Pool
from spindoctor.probe.futures import FutureReader
from spindoctor.probe.interpreter import Interpreter

WORKER_FILE = "concurrent/futures/thread.py"
WORKER = "_worker"
INNER_FRAMES = 3
MOST_QUEUED = 32
"""Reading whom a piece of work is for takes some 0.1 ms; the first of a long queue stand for all."""

"""A task that waits for a limiter stands in its `acquire`, at most two calls above the future."""

MOST_ASKED = 200
"""Tasks asked in one look for the object that they wait in, at some 0.05 ms each."""

MOST_MISSES = 8
"""Frames of one function in a row that are in no limiter's method, and it is not asked again."""

SELF = ("self",)

TOTAL = ("total", "max", "limit", "size")
IN_USE = ("borrow", "in_use", "checked_out", "used")
WAITERS, PENDING = ("wait", "queue"), ("pending",)
"""Words that an attribute's name contains where it keeps the size, the members in use and the callers that wait."""


@dataclass(frozen=True)
class Worker:
    """A thread with its stack, innermost first: the very same object as long as the thread has not moved."""

    tid: int
    frames: tuple[RawFrame, ...]

    @functools.cached_property
    def entry(self) -> RawFrame | None:
        """The executor's own loop in this thread, where it is an executor's."""
        return next((raw for raw in reversed(self.frames) if _is_worker(raw)), None)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for work: nothing runs above the executor's own loop."""
        return not self.frames or _is_worker(self.frames[0])


def _is_worker(raw: RawFrame) -> bool:
    return raw.frame.function == WORKER and raw.frame.file.endswith(WORKER_FILE)


class PoolReader:
    """Reads the pools of one interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._no_limiters: set[str] = set()
        self._asked: dict[int, tuple[Sequence[RawFrame], dict[int, str]]] = {}
        self._misses: Counter[int] = Counter()
        self._futures = FutureReader(interpreter)
        self._employers: dict[int, tuple[tuple[RawFrame, ...], int | None]] = {}

    def executors(self, workers: Iterable[Worker], loops: Iterable[int]) -> list[Pool]:
        """Every `ThreadPoolExecutor` with a started thread (Lib/concurrent/futures/thread.py)."""
        members: dict[int, list[Worker]] = {}
        for worker in workers:
            executor = self._executor_of(worker)
            if executor:
                members.setdefault(executor, []).append(worker)
        defaults = {self._default(loop) for loop in loops}
        pools = [self._executor(address, found, is_default=address in defaults) for address, found in members.items()]
        return [pool for pool in pools if pool]

    def _executor_of(self, worker: Worker) -> int | None:
        """The executor that a thread works for; of a thread that has not moved it is known."""
        known = self._employers.get(worker.tid)
        if known is None or known[0] is not worker.frames:
            known = self._employers[worker.tid] = (worker.frames, self._read_executor_of(worker))
        return known[1]

    def _read_executor_of(self, worker: Worker) -> int | None:
        if worker.entry is None:
            return None
        try:
            reference = self._interpreter.locals(worker.entry).get("executor_reference")
            return self._objects.referent(reference) if reference else None
        except Misread:
            return None

    def _default(self, loop: int) -> int | None:
        try:
            return self._objects.attributes(loop).get("_default_executor")
        except Misread:
            return None

    def _executor(self, address: int, workers: Sequence[Worker], *, is_default: bool) -> Pool | None:
        try:
            attributes = self._objects.attributes(address)
            size = self._objects.value(attributes["_max_workers"])
            queued = self._objects.length(attributes["_work_queue"])
            prefix = self._objects.value(attributes["_thread_name_prefix"])
        except (Misread, LookupError):
            return None
        return Pool(
            address=address,
            kind="executor",
            name=str(prefix),
            size=int(str(size)),
            busy=sum(not worker.is_idle for worker in workers),
            queued=queued,
            tids=tuple(worker.tid for worker in workers),
            is_default=is_default,
            waiters=self._waiters(address, workers),
        )

    def _waiters(self, executor: int, workers: Iterable[Worker]) -> tuple[int, ...] | None:
        """The tasks that await work of an executor, through the futures of what runs and of what is queued."""
        queued = list(self._futures.queued_in(executor))[:MOST_QUEUED]
        running = [future for worker in workers if not worker.is_idle and (future := self._worked_on(worker))]
        try:
            found = [task for future in (*running, *queued) for task in self._futures.tasks_awaiting(future)]
        except Misread:
            return None
        return tuple(dict.fromkeys(found))

    def _worked_on(self, worker: Worker) -> int | None:
        """The future that a thread works for."""
        try:
            return self._futures.worked_on(self._interpreter.locals(worker.entry)) if worker.entry else None
        except Misread:
            return None

    def limiters(self, chains: Mapping[int, Sequence[RawFrame]], workers: Sequence[Worker]) -> list[Pool]:
        """Objects with a size, members in use and a queue, in whose methods tasks (by address) wait.

        A task that has not moved is asked once, and of the others a bounded number in one look.
        """
        known, self._asked = self._asked, {}
        fresh = 0
        for task, chain in chains.items():
            before = known.get(task)
            if before and before[0] is chain:
                self._asked[task] = before
            elif fresh < MOST_ASKED:
                fresh += 1
                self._asked[task] = chain, self._holds(chain)
        held = {task: frames for task, (_, frames) in self._asked.items() if frames}
        inside = {address: file for frames in held.values() for address, file in frames.items()}
        pools = [pool for address, file in inside.items() if (pool := self._limiter(address, file, workers))]
        return [replace(pool, waiters=tuple(task for task in held if pool.address in held[task])) for pool in pools]

    def _holds(self, chain: Sequence[RawFrame]) -> dict[int, str]:
        """The objects in whose methods a task waits that may be limiters, by address, and the files of the methods."""
        found = {}
        for raw in chain[:INNER_FRAMES]:
            if self._misses[raw.code] < MOST_MISSES:
                with suppress(Misread):
                    address = self._interpreter.some_locals(raw, SELF).get("self")
                    may_be = address is not None and self._objects.type_name(address) not in self._no_limiters
                    self._misses[raw.code] = 0 if may_be else self._misses[raw.code] + 1
                    found.update({address: raw.frame.file} if address and may_be else {})
        return found

    def _limiter(self, address: int, file: str, workers: Sequence[Worker]) -> Pool | None:
        try:
            kind = self._objects.type_name(address)
            attributes = self._objects.attributes(address) if kind not in self._no_limiters else {}
            size, busy, queued = (self._count(attributes, words) for words in (TOTAL, IN_USE, WAITERS))
            queued = self._count(attributes, PENDING) if queued is None else queued
        except Misread:
            return None
        if not size or busy is None or queued is None:
            self._no_limiters.add(kind)
            return None
        tids = tuple(worker.tid for worker in workers if _runs_code_of(worker, file))
        return Pool(address, "limiter", kind, size, busy, queued, tids)

    def _count(self, attributes: Mapping[str, int], words: Sequence[str]) -> int | None:
        """The number that the first attribute with one of these words in its name stands for.

        Raises:
            Misread: that is infinite, so there is no limit.
        """
        for name, address in attributes.items():
            if any(word in name for word in words):
                value = self._objects.value(address, depth=0)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    if not math.isfinite(value):
                        raise Misread(f"{name} has no limit")
                    return int(value)
                try:
                    return self._objects.length(address)
                except Misread:
                    continue
        return None


def _runs_code_of(worker: Worker, file: str) -> bool:
    """Whether a thread's own entry point lies in this file: the library that limits the threads also made them."""
    return len(worker.frames) > 1 and any(raw.frame.file == file for raw in worker.frames)
