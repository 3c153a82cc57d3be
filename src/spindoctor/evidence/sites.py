"""Groups looks at a thread by the place where it was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise, zip_longest

from spindoctor.evidence.origin import library_frame, once_each, place, since_fork, user_caller, user_frame
from spindoctor.model.facts import Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task

MOST_SITES = 8
"""A report shows a few places; the rest is told by its count."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at one thread, with what groups it: when, its stack inside the callback, which stay it is."""

    at_s: float
    look: ThreadLook
    stack: Stack
    stay: object
    task: int | None = None


def _fits(task: Task, stack: Stack) -> bool:
    """Whether the outermost of these frames is where the task begins."""
    if not stack:
        return False
    outer = stack[-1]
    begins = any((one.file, one.function) == (outer.file, outer.function) for one in task.chain[-1:])
    return begins or task.coroutine.rpartition(".")[2] == outer.function.rpartition(".")[2]


def own_part(sample: Sample, look: ThreadLook) -> Stack:
    """What a thread itself does: of one that runs an event loop the callback, of any other its whole stack.

    The functions that started a loop are on its stack all the time and say nothing.
    """
    depth = next((loop.depth for loop in sample.loops if loop.tid == look.tid), len(look.stack))
    return look.stack[:depth]


class Namer:
    """Turns places into culprits, with the names and routes that one process's recording knows."""

    def __init__(self, recording: ProcessRecording) -> None:
        """Index names of threads and tasks, and the routes seen at frames."""
        self.pid = recording.pid
        self.threads = {one.tid: one.name or one.kernel_name for one in recording.threads}
        self.tasks = {task.address: task for look in recording.task_looks for task in look.tasks}
        self._met: dict[int, dict[str, Task]] = defaultdict(dict)
        for look in recording.task_looks:
            for one in look.tasks:
                self._met[one.address][one.name] = one
        self.routes = dict(recording.routes)
        self._samples = recording.samples
        self._looks = recording.task_looks

    def culprit(self, stack: Stack, tid: int | None = None, task: int | None = None) -> Culprit:
        """Where the user should look: his own innermost frame, else the library's innermost."""
        mine = user_frame(stack)
        shown = mine or next(iter(stack), None)
        beneath = library_frame(stack) if mine else None
        known = self._tasks_of(stack, task)
        return Culprit(
            pid=self.pid,
            thread=self.threads.get(tid) if tid else None,
            task=known[0].name if len(known) == 1 else None,
            function=shown.function if shown else None,
            file=shown.file if shown else None,
            line=shown.line or None if shown else None,
            route=self.route(stack, task),
            library_frame=place(beneath) if beneath else None,
        )

    def route(self, stack: Stack, task: int | None = None) -> str | None:
        """The request that a stack or task works for; what lies below a fork is the parent's."""
        mine = since_fork(stack)
        for frame, caller in zip_longest(mine, mine[1:]):
            knows = frame in self.routes and frame not in self._beginnings and frame not in self._shared
            if knows and (caller in self.routes or frame not in self._called_by_requests):
                return str(self.routes[frame])
        routes = {one.route for one in self._tasks_of(stack, task)}
        return str(route) if len(routes) == 1 and (route := routes.pop()) else None

    def _tasks_of(self, stack: Stack, address: int | None) -> list[Task]:
        """The tasks met at an address to which these frames can belong: within a second others have its place.

        Of a single frame it cannot be told: there it is the task, if only one was met.
        """
        met = list(self._met.get(address, {}).values()) if address else []
        fitting = [one for one in met if _fits(one, stack)]
        return fitting if fitting or len(stack) > 1 or len(met) > 1 else met

    @cached_property
    def _shared(self) -> frozenset[Frame]:
        """Library frames of tasks that work for another request than was met there: they tell nothing apart."""
        chains = {(id(task.chain), task.route): task for look in self._looks for task in look.tasks if task.route}
        return frozenset(
            frame
            for task in chains.values()
            for frame in task.chain
            if frame in self.routes and not is_user(frame) and str(self.routes[frame]) != str(task.route)
        )

    @cached_property
    def _called_by_requests(self) -> frozenset[Frame]:
        """Frames that a request's own called: without such a caller they work for others, and know no request."""
        stacks = {id(look.stack): look.stack for sample in self._samples for look in sample.threads}
        return frozenset(
            frame for stack in stacks.values() for frame, caller in pairwise(stack) if caller in self.routes
        )

    @cached_property
    def _beginnings(self) -> frozenset[Frame]:
        """Library frames with which several threads begin, and which they never leave: no request's own.

        A recording made elsewhere may have a route at them, and threads that serve nobody share them.
        """
        met = [look for sample in self._samples for look in sample.threads if look.stack]
        stacks = {id(look.stack): look.stack for look in met}
        looks = Counter((look.tid, id(look.stack)) for look in met)
        whole = Counter[int]()
        seen: dict[Frame, Counter[int]] = defaultdict(Counter)
        for (tid, stack), count in looks.items():
            whole[tid] += count
            for frame in {*stacks[stack]} & self.routes.keys():
                seen[frame][tid] += count
        return frozenset(
            frame
            for frame, threads in seen.items()
            if len(threads) > 1 and not is_user(frame) and all(threads[tid] == whole[tid] for tid in threads)
        )


def looks_by_thread(samples: Iterable[Sample]) -> dict[int, list[tuple[Sample, ThreadLook]]]:
    """The looks at each thread by its kernel id, in order: one pass, however many threads are asked about."""
    found: dict[int, list[tuple[Sample, ThreadLook]]] = {}
    for sample in samples:
        for look in sample.threads:
            found.setdefault(look.tid, []).append((sample, look))
    return found


def group(moments: Sequence[Moment], namer: Namer, tid: int, of: int, *, by_line: bool = False) -> tuple[Site, ...]:
    """The places at which these looks found the thread, most often first; `of` is all looks at it.

    A computation wanders over its function's lines, so places are functions; a wait stands at one line (`by_line`).
    """
    places: dict[tuple[str, str, int] | None, list[Moment]] = {}
    keys = once_each((moment.stack for moment in moments), partial(_key, by_line=by_line))
    for moment, key in zip(moments, keys, strict=True):
        places.setdefault(key, []).append(moment)
    ranked = sorted(places.values(), key=len, reverse=True)[:MOST_SITES]
    return tuple(_site(found, namer, tid, of) for found in ranked)


def _key(stack: Stack, *, by_line: bool) -> tuple[str, str, int] | None:
    frame = user_frame(stack) or next(iter(stack), None)
    return (frame.file, frame.function, frame.line if by_line else 0) if frame else None


def _has_line(key: tuple[str, str, int] | None) -> bool:
    """Whether a place has a line: instructions that clean up after a `try` or `with` have none."""
    return bool(key and key[2])


def _site(moments: Sequence[Moment], namer: Namer, tid: int, of: int) -> Site:
    keys = once_each((moment.stack for moment in moments), partial(_key, by_line=True))
    lines = Counter(keys)
    line = max(lines, key=lambda key: (_has_line(key), lines[key]))
    middle = _most_met(moment.stack for moment, key in zip(moments, keys, strict=True) if key == line)
    task = Counter(moment.task for moment in moments).most_common(1)[0][0]
    calls = Counter(moment.look.call.name for moment in moments if moment.look.call)
    spans = stays(moments)
    culprit = namer.culprit(middle, _there(moments, namer, tid), task)
    requests = Counter(str(moment.look.route) for moment in moments if moment.look.route)
    return Site(
        culprit=replace(culprit, route=requests.most_common(1)[0][0]) if requests else culprit,
        share=Share(len(moments), of),
        episodes=len(spans),
        longest_s=max(last.at_s - first.at_s for first, last, _ in spans),
        longest_cpu_s=max(cpu_s for _, _, cpu_s in spans),
        calls=tuple(calls.most_common(3)),
        inner=_inner(middle),
        caller=_caller(moments, namer, tid, task),
    )


def _there(moments: Sequence[Moment], namer: Namer, tid: int) -> int:
    """The thread that stands for a place where several were met: the asked one, else of those with a name the first."""
    met = Counter(moment.look.tid for moment in moments)
    return tid if tid in met else next((one for one, _ in met.most_common() if one in namer.threads), tid)


def _caller(moments: Sequence[Moment], namer: Namer, tid: int, task: int | None) -> Culprit | None:
    called_by = Counter(frame for frame in once_each((moment.stack for moment in moments), user_caller) if frame)
    return namer.culprit((called_by.most_common(1)[0][0],), tid, task) if called_by else None


def _most_met(stacks: Iterable[Stack]) -> Stack:
    """The stack met most often, the earliest of those alike; each object is compared with the others only once."""
    held = list(stacks)
    first = {id(stack): stack for stack in held}
    met = Counter[Stack]()
    for key, count in Counter(map(id, held)).items():
        met[first[key]] += count
    return met.most_common(1)[0][0]


def _inner(stack: Stack) -> Frame | None:
    return next(iter(stack), None)


def stays(moments: Iterable[Moment]) -> list[tuple[Moment, Moment, float]]:
    """Runs of looks with the same `stay`, as (first look, last look, CPU seconds used after the first)."""
    found: list[tuple[Moment, Moment, float]] = []
    for moment in moments:
        ran_s = moment.look.ran_ns / 1e9
        if found and found[-1][1].stay == moment.stay:
            first, _, cpu_s = found[-1]
            found[-1] = (first, moment, cpu_s + ran_s)
        else:
            found.append((moment, moment, 0.0))
    return found
