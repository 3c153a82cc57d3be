"""Who waits for whom: tasks that stand alike as one group, what they wait for below them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from spindoctor.evidence.origin import user_frame
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party, Wait
from spindoctor.model.pictures import Waiting, Waits
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.tasks import Pool, Task, TaskLook

MOST_ROOTS = 12
"""Groups at the top of the picture; they come largest first."""

MOST_BRANCHES = 4
MOST_DEPTH = 8
"""Rows and columns of the picture: what goes further is told by its beginning."""

Key = tuple[str, str, str]
"""Kind, words and place: what makes two waiters alike."""


def waits(recording: Recording) -> Waits | None:
    """The picture at the last slow look; None where nobody waits for anything."""
    looked = [one for one in recording.processes if one.task_looks]
    scenes = [_Scene(one, one.task_looks[-1], is_alone=len(looked) == 1) for one in looked]
    roots = [root for scene in scenes for root in scene.roots()]
    if not roots:
        return None
    roots.sort(key=lambda one: (not one.then, -one.count))
    return Waits(
        roots=tuple(roots[:MOST_ROOTS]),
        tasks=sum(len(scene.tasks) for scene in scenes),
        at_s=max(scene.look.at_s for scene in scenes),
        left_out=max(0, len(roots) - MOST_ROOTS),
        pending=sum(scene.look.pending for scene in scenes),
    )


class _Scene:
    """One process at one slow look: groups, and how many of each wait for which other one."""

    def __init__(self, process: ProcessRecording, look: TaskLook, *, is_alone: bool) -> None:
        self.look = look
        self._pid = "" if is_alone else f"pid {process.pid}: "
        self.tasks = {task.address: task for task in look.tasks if not task.is_done}
        self._threads = {use.tid: use.name or use.kernel_name for use in process.threads}
        last = process.samples[-1].threads if process.samples else ()
        self._stacks = {one.tid: one.stack for one in last}
        self._calls = {one.tid: f"asleep in {one.call.name}" for one in last if one.call}
        self._calls |= {one.tid: "waits for the GIL" for one in last if one.waits_for_gil}
        self._routes: dict[Key, Counter[str]] = defaultdict(Counter)
        self._sizes: Counter[Key] = Counter()
        self._edges: dict[Key, Counter[Key]] = defaultdict(Counter)
        for task in self.tasks.values():
            self._add_task(task)
        for task in self.tasks.values():
            self._add_awaiters(task)
        for pool in look.pools:
            self._add_pool(pool)
        self._add_locks()

    def roots(self) -> Iterable[Waiting]:
        """The groups that nobody waits for, and one of every circle."""
        awaited = {target for targets in self._edges.values() for target in targets}
        tops = [key for key in self._sizes if key not in awaited]
        reached: set[Key] = set()
        for key in [*tops, *sorted(self._sizes)]:
            if key not in reached:
                yield self._node(key, self._sizes[key], (), reached)

    def _node(self, key: Key, count: int, above: tuple[Key, ...], reached: set[Key]) -> Waiting:
        reached.add(key)
        kind, words, place = key
        is_circle = key in above
        further = () if is_circle or len(above) >= MOST_DEPTH else self._edges[key].most_common(MOST_BRANCHES)
        routes = self._routes[key].most_common(2)
        return Waiting(
            kind=kind,  # type: ignore[arg-type]
            count=count,
            words=words,
            place=place,
            route=", ".join(route for route, _ in routes),
            then=tuple(self._node(target, many, (*above, key), reached) for target, many in further),
            is_circle=is_circle,
        )

    def _add_task(self, task: Task) -> None:
        key = self._task_key(task)
        self._sizes[key] += 1
        if task.route:
            self._routes[key][str(task.route)] += 1

    def _add_awaiters(self, task: Task) -> None:
        for address in task.awaited_by:
            if address in self.tasks:
                self._edges[self._task_key(self.tasks[address])][self._task_key(task)] += 1

    def _add_pool(self, pool: Pool) -> None:
        queued = f", {pool.queued:,} queued" if pool.queued else ""
        name = f" {pool.name}" if pool.name else ""
        own: Key = ("pool", f"{pool.kind}{name}: {pool.busy} of {pool.size} in use{queued}", self._pid.rstrip(": "))
        waiting = [self.tasks[one] for one in pool.waiters or () if one in self.tasks]
        for task in waiting:
            self._edges[self._task_key(task)][own] += 1
        if not waiting and not pool.queued:
            return
        self._sizes[own] += len(waiting) or pool.queued
        for tid in pool.tids:
            if self._is_busy(tid):
                self._edges[own][self._thread_key(tid)] += 1

    def _add_locks(self) -> None:
        for wait in self.look.waits:
            waiter = self._party_key(wait.waiter)
            if waiter is None:
                continue
            own: Key = ("lock", _between(wait), self._at(f"{wait.target:#x}"))
            holders = [key for one in wait.holders if (key := self._party_key(one))]
            self._sizes[waiter] += wait.waiter.tid is not None
            self._edges[waiter][own] += 1
            for holder in holders:
                self._edges[own][holder] = max(1, self._edges[own][holder])

    def _is_busy(self, tid: int) -> bool:
        """Whether a member of a pool stands in somebody's work: an idle one has nothing above the pool's own code."""
        return tid in self._stacks and user_frame(self._stacks[tid]) is not None

    def _party_key(self, party: Party) -> Key | None:
        if party.tid is not None:
            return self._thread_key(party.tid)
        return self._task_key(self.tasks[party.task]) if party.task in self.tasks else None

    def _task_key(self, task: Task) -> Key:
        return _task_group(task, self._pid)

    def _at(self, place: str) -> str:
        return f"{self._pid}{place}"

    def _thread_key(self, tid: int) -> Key:
        stack = self._stacks.get(tid, ())
        call = f", {self._calls[tid]}" if tid in self._calls else ""
        frame = _frame(stack)
        doing = f"in {frame.function}{call}" if frame else f"thread {self._threads.get(tid, tid)}{call}"
        return ("thread", doing, _place(frame, self._pid))


def _between(wait: Wait) -> str:
    """What stands between a waiter and those who could end its wait."""
    orphaned = ", which nobody in this process has" if wait.is_orphaned else ""
    return f"{wait.type_name}{orphaned}" if wait.kind.endswith("lock") else f"{wait.kind} of {wait.type_name}{orphaned}"


def _task_group(task: Task, pid: str) -> Key:
    waits_on = f", waits on {task.waits_on}" if task.waits_on else ""
    frame = _frame(task.chain)
    inside = f" in {frame.function}" if frame and frame.function != task.coroutine else ""
    return ("task", f"{task.coroutine}{inside}{waits_on}", _place(frame or task.defined, pid))


def _frame(stack: Stack) -> Frame | None:
    return user_frame(stack) or next(iter(stack), None)


def _place(frame: Frame | None, pid: str) -> str:
    return f"{pid}{frame.file}:{frame.line}" if frame else pid.rstrip(": ")
