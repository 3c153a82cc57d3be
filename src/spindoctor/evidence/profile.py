"""Samples to weighted stacks: a thread's stack without the loop's machinery, a task's with those who await it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.evidence.awaiting import awaited
from spindoctor.model.frames import Stack
from spindoctor.model.origin import SHIM, is_user
from spindoctor.model.profile import NS, ON_CPU, TORN, Lane, Profile, Spot, State, marker
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import EPOLL_WAITS, LoopLook, Sample, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task, TaskLook

TURN, RUN = "_run_once", "run_forever"
"""The standard loop's functions that take one turn and all turns; what they call besides callbacks is its own work."""

WORKER = ("_worker", "concurrent/futures/thread.py")
"""The standard executor's loop: a member that has nothing above it waits for work."""

TAKE = ("get", "/queue.py")
"""What waits for the next thing in a `queue.Queue`; above it stands at most its condition's `wait`."""

MOST_AWAITERS = 32
"""Tasks above a task: longer rows than this are a mistake of ours or of the service, and end here."""

ENDED, MANY_ENDED = "thread that ended", "threads that ended"
ROUNDED_S = 0.04
"""A process's CPU is counted in ticks of 10 ms, user and system apart, at both ends of the look."""

Root = tuple[str, str]
"""File and function."""

TASKS = "tasks"
"""The name of the lane of suspended tasks."""


def profile(recording: Recording) -> Profile:
    """Every look at every thread and task as a weighted stack."""
    lanes = [lane for process in recording.processes for lane in _lanes(recording, process)]
    hot = recording.target.process(recording.target.hot)
    command = " ".join(part.rpartition("/")[2] or part for part in hot.command) if hot else ""
    return Profile(
        title=f"pid {recording.target.hot}" + (f" ({command})" if command else ""),
        seconds=recording.seconds,
        rate_hz=recording.rate_hz,
        started_at=recording.started_at,
        lanes=tuple(sorted(lanes, key=lambda lane: lane.cpu_s, reverse=True)),
        looks=recording.looks,
        missed=recording.missed,
        is_interrupted=recording.is_interrupted,
    )


def _lanes(recording: Recording, process: ProcessRecording) -> Iterator[Lane]:
    scene = _Scene(process, recording.rate_hz or 1.0)
    spots = scene.spots()
    uses = {use.tid: use for use in process.threads}
    role = next((one.role for one in recording.target.processes if one.pid == process.pid), "")
    label = f"pid {process.pid}" + (f" ({role})" if role else "")
    for tid, found in spots.items():
        use = uses.get(tid)
        name = (use.name or use.kernel_name) if use else ENDED
        cpu_s = use.cpu_s if use else scene.ran_s(tid)
        yield Lane(process.pid, tid, name, label, cpu_s, tuple(_with_cpu(found, cpu_s)))
    ended_s = process.cpu_s - sum(use.cpu_s for use in process.threads) - sum(map(scene.ran_s, spots.keys() - uses))
    if ended_s > ROUNDED_S:
        yield Lane(process.pid, 0, MANY_ENDED, label, ended_s, ())
    waiting = tuple(scene.task_spots())
    if waiting:
        yield Lane(process.pid, None, TASKS, label, 0.0, waiting)


def _with_cpu(spots: Sequence[Spot], cpu_s: float) -> Iterator[Spot]:
    """Looks that met the thread on a CPU stand all together for the CPU that it used.

    Each stands for its time, times what chance can explain: of looks at any moment as many meet a thread on a CPU as
    its share of CPU is, give or take the 95 % interval of such a count. What goes beyond ran where no look met it, and
    is not known by its stack.
    """
    met = Share(sum(spot.state in ON_CPU for spot in spots), len(spots))
    met_s = sum(spot.seconds for spot in spots if spot.state in ON_CPU)
    chance = met.high / met.ratio if met.count else 0.0
    scale = min(chance, cpu_s / met_s) if met_s else 0.0
    for spot in spots:
        yield replace(spot, cpu_ns=int(spot.seconds * scale * NS)) if spot.state in ON_CPU else spot


@dataclass(frozen=True, slots=True)
class _Scene:
    process: ProcessRecording
    rate_hz: float

    def spots(self) -> dict[int, list[Spot]]:
        """The looks at each thread, by kernel id."""
        found: dict[int, list[Spot]] = {}
        families = _Families(self.process.task_looks)
        kinds = _Kinds(self.process)
        epolls = {use.tid: use.loop_epoll for use in self.process.threads if use.loop_epoll is not None}
        before_s = None
        for sample in self.process.samples:
            seconds = sample.at_s - before_s if before_s is not None else 1 / self.rate_hz
            before_s = sample.at_s
            loops = {loop.tid: loop for loop in sample.loops}
            moment = _Moment(sample, seconds, families.at(sample.at_s), kinds, epolls)
            for look in sample.threads:
                spot = moment.spot(look, loops.get(look.tid))
                found.setdefault(look.tid, []).append(spot)
        return found

    def ran_s(self, tid: int) -> float:
        """CPU that the looks saw a thread use: all that is known of one that has ended."""
        return sum(look.ran_ns for sample in self.process.samples for look in sample.threads if look.tid == tid) / NS

    def task_spots(self) -> Iterator[Spot]:
        """The looks at each task that was suspended: one that runs, or is about to, waits for nothing."""
        looks = self.process.task_looks
        for number, look in enumerate(looks):
            seconds = look.at_s - looks[number - 1].at_s if number else look.at_s
            tasks = {task.address: task for task in look.tasks if not task.is_done}
            waits = {one.waiter.task: one for one in look.waits if one.waiter.task is not None}
            for task in tasks.values():
                if task.chain and seconds > 0 and (what := awaited(task, waits.get(task.address))):
                    yield self._task_spot(look.at_s, seconds, task, tasks, what)

    def _task_spot(self, at_s: float, seconds: float, task: Task, tasks: Mapping[int, Task], what: str) -> Spot:
        return Spot(
            at_s=at_s,
            seconds=seconds,
            state="await",
            stack=(*_above(task, tasks), marker(f"task {task.coroutine}"), *reversed(task.chain)),
            route=_route_of(task, tasks),
            coroutine=task.coroutine,
            task=task.address,
            detail=f"awaits {what}",
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """One look at all threads, and what is known of the tasks around it."""

    sample: Sample
    seconds: float
    tasks: Mapping[int, Task]
    kinds: _Kinds
    epolls: Mapping[int, int]

    def spot(self, look: ThreadLook, loop: LoopLook | None) -> Spot:
        """The look at one of the threads."""
        state = state_of(look, loop, self.seconds, self.epolls.get(look.tid))
        task = self._task(look, loop)
        route = str(look.route) if look.route else _route_of(task, self.tasks)
        root = _root(look, loop)
        coroutine = task.coroutine if task else self.kinds.coroutine(root)
        above = _above(task, self.tasks) if task else self.kinds.above(root, route)
        return Spot(
            at_s=self.sample.at_s,
            seconds=self.seconds,
            state=state,
            stack=(*above, *_named(look, _cut(look.stack, loop), loop, coroutine)),
            route=route,
            coroutine=coroutine,
            task=loop.task if loop else None,
            detail=detail_of(look, state, is_collecting=self.sample.is_collecting),
        )

    def _task(self, look: ThreadLook, loop: LoopLook | None) -> Task | None:
        """The task that runs, where a slow look near by has met it."""
        known = self.tasks.get(loop.task) if loop and loop.task and loop.depth else None
        return _same(known, look.stack[: loop.depth]) if loop else None


def state_of(look: ThreadLook, loop: LoopLook | None = None, seconds: float = 0.0, epoll: int | None = None) -> State:
    """What a thread was doing at one look, `seconds` after the one before.

    `epoll` is the descriptor of the one that its outer functions work with: who sleeps in that one, and serves no
    request meanwhile, waits for what comes next.

    A loop in its selector that was not asleep all through the look was about to sleep or has just woken, or spins. It
    spins where it used more than half of the time on a CPU: then it was rather running than asleep. One that gave its
    selector no time has work to do: where it did not run it got no CPU.
    """
    if look.waits_for_gil:
        return "gil"
    polls_at_once = bool(loop and loop.polls and loop.poll_timeout_s == 0)
    if look.call is None or polls_at_once:
        if loop and loop.polls and not polls_at_once and look.ran_ns < seconds * NS / 2:
            return "idle"
        if look.has_gil:
            return "python"
        return "native" if look.ran_ns else "ready"
    is_idle = bool(loop and loop.polls) or is_idle_worker(look.stack) or _waits_in(look, epoll)
    return "idle" if is_idle else "call"


def _waits_in(look: ThreadLook, epoll: int | None) -> bool:
    call = look.call
    is_there = call is not None and call.name in EPOLL_WAITS and call.arguments[:1] == (epoll,)
    return is_there and look.route is None


def is_idle_worker(stack: Stack) -> bool:
    """Whether a thread waits for work.

    One of the standard executor does so where nothing stands above its own loop; any other where it takes from the
    standard library's queue, and no code of the user is on its stack: nobody of theirs waits for an answer there.
    """
    if is_executors(stack):
        return True
    takes = any(one.function.rpartition(".")[2] == TAKE[0] and one.file.endswith(TAKE[1]) for one in stack[:2])
    return takes and not any(map(is_user, stack))


def is_executors(stack: Stack) -> bool:
    """Whether nothing stands above the standard executor's own loop."""
    return bool(stack) and stack[0].function == WORKER[0] and stack[0].file.endswith(WORKER[1])


def detail_of(look: ThreadLook, state: State, *, is_collecting: bool = False) -> str:
    """What a thread waits in or for, or what it does besides its functions; "" where the stack says it all."""
    if state == "gil":
        return "waits for the GIL"
    if state == "ready":
        return "ready to run"
    if state == "python" and is_collecting:
        return "garbage collection"
    return f"asleep in {look.call.name}" if look.call else ""


def _cut(stack: Stack, loop: LoopLook | None) -> Stack:
    """The stack, outermost first, without the machinery of the event loop that called it."""
    end = len(stack)
    if loop:
        outer = (place for place, frame in enumerate(stack) if frame.function.endswith((TURN, RUN)))
        end = loop.depth or next(outer, end)
    return tuple(frame for frame in reversed(stack[:end]) if frame.file != SHIM)


def _named(look: ThreadLook, stack: Stack, loop: LoopLook | None, coroutine: str | None) -> Stack:
    """A stack under what called it: the loop itself, or a task of this kind; or why there is none."""
    if not look.stack:
        return (marker("no Python code" if look.is_complete else TORN),)
    if not look.is_complete:
        return (marker("outer calls not read"), *stack)
    if loop is None:
        return stack
    if not loop.depth:
        return (marker("event loop"), *stack)
    return (marker(f"task {coroutine}"), *stack) if coroutine else stack


def _root(look: ThreadLook, loop: LoopLook | None) -> Root | None:
    """The function that the loop called."""
    if loop is None or not 0 < loop.depth <= len(look.stack):
        return None
    outermost = look.stack[loop.depth - 1]
    return outermost.file, outermost.function


def _same(task: Task | None, running: Stack) -> Task | None:
    """The task, where the frames that run can be its own: addresses are used again within a second."""
    if task is None or not running:
        return None
    if not task.chain:
        return task if task.coroutine.rpartition(".")[2] == running[-1].function.rpartition(".")[2] else None
    first, outer = task.chain[-1], running[-1]
    return task if (first.file, first.function) == (outer.file, outer.function) else None


def _above(task: Task | None, tasks: Mapping[int, Task]) -> Stack:
    """The frames of the tasks that await a task, the outermost first, each row of frames under its task's name."""
    rows = [(marker(f"task {one.coroutine}"), *reversed(one.chain)) for one in _awaiters(task, tasks)]
    return tuple(frame for row in reversed(rows) for frame in row)


def _route_of(task: Task | None, tasks: Mapping[int, Task]) -> str | None:
    """The request of a task, else of the nearest that awaits it."""
    line = (one.route for one in (*filter(None, [task]), *_awaiters(task, tasks)) if one.route)
    return str(route) if (route := next(line, None)) else None


def _awaiters(task: Task | None, tasks: Mapping[int, Task]) -> Iterator[Task]:
    """Who awaits a task, who awaits that one, and so on."""
    seen = {task.address} if task else set[int]()
    above = _awaiter(task, tasks, seen) if task else None
    while above is not None and len(seen) < MOST_AWAITERS:
        yield above
        seen.add(above.address)
        above = _awaiter(above, tasks, seen)


def _awaiter(task: Task, tasks: Mapping[int, Task], seen: set[int]) -> Task | None:
    """The first of the tasks that await this one; there is seldom another."""
    known = (tasks.get(address) for address in task.awaited_by if address not in seen)
    return next((one for one in known if one and not one.is_done), None)


class _Kinds:
    """Callbacks of a loop by the function that it calls: most are too short for a slow look to meet each of them.

    A kind is a task's where a slow look met one of it, or where most looks saw a task run; so that all looks at a kind
    stand in one shape. Who awaits one is taken from others of its kind that worked for such a request, where all of
    them stood below the same calls.
    """

    def __init__(self, process: ProcessRecording) -> None:
        met = Counter[tuple[Root, bool]]()
        for sample in process.samples:
            loops = {loop.tid: loop for loop in sample.loops if loop.depth}
            for look in sample.threads:
                if root := _root(look, loops.get(look.tid)):
                    met[root, loops[look.tid].task is not None] += 1
        roots = {root for root, _ in met}
        self._coroutines = {root: root[1] for root in roots if met[root, True] > met[root, False]}
        self._above: dict[tuple[Root, str | None], set[Stack]] = {}
        for slow in process.task_looks:
            tasks = {task.address: task for task in slow.tasks}
            for task in slow.tasks:
                root = (task.chain[-1].file, task.chain[-1].function) if task.chain else None
                if root and root in roots:
                    self._coroutines[root] = task.coroutine
                    self._above.setdefault((root, _route_of(task, tasks)), set()).add(_above(task, tasks))

    def coroutine(self, root: Root | None) -> str | None:
        """The name of such tasks; None for what is no task."""
        return self._coroutines.get(root) if root else None

    def above(self, root: Root | None, route: str | None) -> Stack:
        """The calls that a task of this kind stands below; empty where that differs or is not known."""
        known = self._above.get((root, route), set[Stack]()) if root else set[Stack]()
        return next(iter(known)) if len(known) == 1 else ()


class _Families:
    """The tasks by address as the slow look nearest in time knew them."""

    def __init__(self, looks: tuple[TaskLook, ...]) -> None:
        self._looks = looks
        self._place = 0
        self._tasks: dict[int, Mapping[int, Task]] = {}

    def at(self, at_s: float) -> Mapping[int, Task]:
        """Asked in the order of time."""
        if not self._looks:
            return {}
        while self._place + 1 < len(self._looks) and self._is_nearer(self._place + 1, at_s):
            self._place += 1
        if self._place not in self._tasks:
            self._tasks = {self._place: {task.address: task for task in self._looks[self._place].tasks}}
        return self._tasks[self._place]

    def _is_nearer(self, place: int, at_s: float) -> bool:
        return abs(self._looks[place].at_s - at_s) <= abs(self._looks[self._place].at_s - at_s)
