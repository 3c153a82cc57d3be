"""The slow look: tasks with their await chains, the loop's queue, cancel scopes, pools, and requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.cpython.stacks import RawStack
from spindoctor.model.frames import Frame
from spindoctor.model.routes import Route
from spindoctor.model.sample import LoopLook
from spindoctor.model.tasks import Callback, Pool, Scope, Task, TaskLook
from spindoctor.probe.callbacks import CallbackReader
from spindoctor.probe.crews import CrewReader
from spindoctor.probe.errands import Errands
from spindoctor.probe.hubs import Hub
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.job_pools import JobPoolReader
from spindoctor.probe.keepers import Keeper
from spindoctor.probe.kept_tasks import KeptTasks
from spindoctor.probe.loops import LoopWatch
from spindoctor.probe.pools import PoolReader, Worker
from spindoctor.probe.process_pools import ProcessPoolReader
from spindoctor.probe.requests import RouteFinder
from spindoctor.probe.scopes import ScopeReader
from spindoctor.probe.suspended import SuspendedGreenlets
from spindoctor.probe.taskbook import TaskBook

MOST_TASKS = 1000
"""At about 0.1 ms a task a look at a thousand takes 0.1 s; of more, the first thousand stand for all."""

FIRST_S = 0.12
"""Time for reading tasks in the first look, where all are new: as good as all of the most that are read."""

MOST_S = 0.02
"""Time for reading tasks that have moved in each later look: some two hundred, a tenth of a core with five looks a
second. Where more than that move all the time they take turns; those that wait are known and cost next to nothing."""

MOST_HOLDERS = 8


class TaskReader:
    """Reads what asyncio knows in one process."""

    def __init__(self, interpreter: Interpreter, *, reads_all: bool = False) -> None:
        """Look through this interpreter; with `reads_all` each look takes the time that the first one may take."""
        self._interpreter = interpreter
        self._later_s = FIRST_S if reads_all else MOST_S
        self._callbacks = CallbackReader(interpreter)
        self._routes = RouteFinder(interpreter)
        self._errands = Errands(interpreter, self._routes)
        self._book = TaskBook(interpreter, self._routes)
        self._greenlets = SuspendedGreenlets(interpreter, self._routes)
        self.hub: Hub | None = None
        """The hub of greenlets that was seen: those that are suspended are tasks of it."""
        self._kept = KeptTasks(interpreter, self._routes)
        self.keepers: tuple[Keeper, ...] = ()
        """The loops that keep their tasks themselves."""
        self._scopes = ScopeReader(interpreter, self._book.describe)
        self._pools = PoolReader(interpreter)
        self._crews = CrewReader(interpreter)
        self._job_pools = JobPoolReader(interpreter)
        self._process_pools = ProcessPoolReader(interpreter)
        self._asked: dict[int, tuple[RawStack, Route | None]] = {}
        self._workers: dict[int, Worker] = {}

    def look(
        self,
        at_s: float,
        loops: Sequence[LoopWatch],
        stacks: Mapping[int, RawStack],
        looks: Sequence[LoopLook],
        holders: Mapping[int, str],
    ) -> TaskLook:
        """One slow look. `stacks` and `looks` are those of the last quick look.

        `holders` are the objects whose methods the quick looks since the last slow one found running as callbacks.

        Raises:
            Misread: the registry of tasks cannot be read.
        """
        look = self.look_at_chains(at_s, looks)
        greenlets = self._greenlets.look(self.hub)
        kept, count = self._kept.look(self.keepers, most=MOST_TASKS, first_s=FIRST_S, later_s=self._later_s)
        queued = (*(one for loop in loops for one in self._callbacks.queued(loop)), *self._kept.queued(self.keepers))
        callbacks = [*self._running(stacks, looks), *queued]
        return replace(
            look,
            tasks=(*look.tasks, *greenlets, *kept),
            task_count=look.task_count + len(greenlets) + count,
            callbacks=tuple(callbacks),
            scopes=tuple(self._read_scopes(callbacks, holders)),
            pools=tuple(self._read_pools(stacks, loops)),
        )

    @property
    def is_searching(self) -> bool:
        """Whether a look may find more although nobody has moved."""
        return self._greenlets.is_searching(self.hub)

    def look_at_chains(self, at_s: float, looks: Iterable[LoopLook]) -> TaskLook:
        """A slow look at the tasks alone, those that run first and those that have ended last.

        Raises:
            Misread: the registry of tasks cannot be read.
        """
        running = [one.task for one in looks if one.task]
        addresses = tuple(dict.fromkeys((*running, *self._interpreter.tasks())))
        ended = self._interpreter.ended_tasks(addresses)
        addresses = tuple(sorted(addresses, key=ended.__contains__))
        self._book.open(addresses[:MOST_TASKS])
        tasks = self._describe(addresses[:MOST_TASKS], running)
        return TaskLook(at_s=at_s, tasks=tuple(tasks), task_count=len(addresses), ended_count=len(ended))

    def _describe(self, addresses: Sequence[int], running: Collection[int]) -> list[Task]:
        """The tasks that run, all that have not moved, and of the others as many as the time allows, in turns."""
        return self._book.describe_within(FIRST_S if self._book.is_first else self._later_s, addresses, running)

    @property
    def chains(self) -> Mapping[int, tuple[RawFrame, ...]]:
        """The await chains of the last look's tasks by address, innermost frame first."""
        further = {**self._greenlets.chains, **self._kept.asking}
        return {**self._book.chains, **further} if further else self._book.chains

    @property
    def steps(self) -> Mapping[tuple[int, int], int]:
        """Of loops that keep their tasks themselves: the task by where its outermost frame lies, and its code."""
        return self._kept.steps

    @property
    def greenlets(self) -> Collection[int]:
        """Those of `chains` of suspended greenlets, or of tasks that wait as these do: parked for one thing."""
        return self._greenlets.chains.keys() | self._kept.chains.keys()

    @property
    def waiters(self) -> Mapping[int, int]:
        """The future that each of the last look's tasks awaits, by the task's address."""
        return self._book.waiters

    def _running(self, stacks: Mapping[int, RawStack], looks: Iterable[LoopLook]) -> list[Callback]:
        found = [self._callbacks.running(one, stacks[one.tid].frames) for one in looks if one.tid in stacks]
        return [one for one in found if one]

    def _read_scopes(self, callbacks: Iterable[Callback], seen: Mapping[int, str]) -> list[Scope]:
        queued = {one.holder: one.function for one in callbacks if one.holder and not one.task}
        holders = {**seen, **queued}
        found = [self._scopes.read(holder, name) for holder, name in list(holders.items())[:MOST_HOLDERS]]
        return [scope for scope in found if scope]

    def _read_pools(self, stacks: Mapping[int, RawStack], loops: Sequence[LoopWatch]) -> list[Pool]:
        running = {loop.tid for loop in loops}
        there = {tid: self._worker(tid, stack.frames) for tid, stack in stacks.items()}
        self._workers = there
        workers = [worker for tid, worker in there.items() if tid not in running]
        executors = self._pools.executors(workers, [loop.loop for loop in loops])
        limiters = self._pools.limiters(self.chains, workers)
        of_processes = [*self._job_pools.read(workers), *self._process_pools.read(workers)]
        return [*executors, *limiters, *self._crews.read(workers), *of_processes]

    def _worker(self, tid: int, frames: tuple[RawFrame, ...]) -> Worker:
        known = self._workers.get(tid)
        return known if known and known.frames is frames else Worker(tid, frames)

    def routes(self, stacks: Collection[RawStack]) -> dict[Frame, Route]:
        """The requests that threads work for, by the frames at or inside the one that knows the request.

        An unchanged stack is asked once.
        """
        known = self._asked
        self._asked = {id(stack): known.get(id(stack)) or (stack, self._routes.find(stack.frames)) for stack in stacks}
        fresh = [asked for key, asked in self._asked.items() if key not in known]
        return {
            raw.frame: route
            for stack, route in fresh
            if route
            for raw in stack.frames[: self._routes.reach(stack.frames, route)]
        }

    def route(self, stack: RawStack, task: int | None = None) -> Route | None:
        """The request that a stack works for: about 0.1 ms.

        Its own, that of the task it runs an errand for, or of those that await the task that runs in it.
        """
        if not stack.frames:
            return None
        found = self._routes.find(stack.frames)
        if found and found.template:
            return found
        ordered = self._errands.route_above(task) if task else self._errands.route(stack.frames)
        is_same = found and ordered and (found.method, found.path) == (ordered.method, ordered.path)
        return ordered if is_same else found or ordered

    def is_barren(self, kind: int, *, of_requests: bool = True, of_errands: bool) -> bool:
        """Whether objects of this type are known to tell of no request: as a `self`, and as what leads to a future."""
        is_known = not of_requests or self._routes.is_barren(kind)
        return is_known and (not of_errands or self._errands.is_barren(kind))

    def requests(self, stacks: Iterable[RawStack]) -> int:
        """How many of these stacks, of which `routes` has been asked, work for a request."""
        return sum(1 for stack in stacks if self._asked.get(id(stack), (stack, None))[1])
