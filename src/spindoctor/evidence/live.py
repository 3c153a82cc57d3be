"""Short recordings, one after the other, to what a live view shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from spindoctor.evidence.awaiting import SLEEP, awaited
from spindoctor.evidence.blocked import Waits
from spindoctor.evidence.load import late_s
from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.profile import profile as weigh
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.live import Cell, Column, Dashboard, Gauges, Path, Row, Sheet
from spindoctor.model.profile import ON_CPU, STATES, Lane, Profile, Spot
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.sample import Sample
from spindoctor.model.tasks import Task, TaskLook

MOST_PATHS = 5
"""Stacks that are kept behind each row."""

MOST_ROWS = 400
"""Rows of a table: a service can have tens of thousands of tasks."""

HOT_CORES = 0.9
"""From here a thread has its core to itself, and a process with one GIL all it can use."""

BUSY_CORES = 0.3
"""From here the functions that use CPU come first; in a service that uses less, those that wait say more."""


def dashboard(recordings: Sequence[Recording], profiles: Sequence[Profile] | None = None) -> Dashboard:
    """All tables. Gauges, processes, threads and tasks are of the last recording, the others of all of them.

    `profiles` are those of the recordings, for one who keeps them: to weigh ten seconds anew each second takes time.
    """
    last = recordings[-1]
    profiles = profiles or [weigh(one) for one in recordings]
    lanes = [lane for profile in profiles for lane in profile.lanes]
    current = [lane for lane in profiles[-1].lanes if lane.tid is not None]
    stacks = _Stacks(lanes)
    window_s = sum(one.seconds for one in recordings)
    return Dashboard(
        gauges=_gauges(last),
        sheets=(
            _processes(last, current, stacks),
            _threads(last, current, stacks),
            _places("functions", lanes, window_s, lambda frame: (frame.function, frame.file), stacks),
            _places("lines", lanes, window_s, lambda frame: (frame.function, f"{frame.file}:{frame.line}"), stacks),
            _tasks(recordings),
            _routes(recordings, lanes, window_s, stacks),
        ),
        window_s=window_s,
        note=next((one.ended for one in last.processes if one.ended), "") or "",
    )


def _gauges(one: Recording) -> Gauges:
    leads = one.target.process(one.target.leader)  # which of them is hot changes from frame to frame
    gil_wanted, gil_held = max((_gil(process) for process in one.processes), default=(0.0, 0.0))
    return Gauges(
        pid=one.target.leader,
        command=" ".join(part.rpartition("/")[2] or part for part in leads.command) if leads else "",
        python=(leads.python or "") if leads else "",
        machine_cores=one.machine.cores,
        allowed_cores=min(one.machine.quota_cores or one.machine.cores, one.machine.affinity_cores),
        family_cores=sum(process.cpu_s for process in one.processes) / (one.seconds or 1.0),
        processes=len(one.processes),
        threads=sum(len(process.threads) for process in one.processes),
        gil_held=gil_held,
        gil_wanted=gil_wanted,
        loops=sum(use.loop is not None for process in one.processes for use in process.threads),
        loop_late_s=late_s(one),
        tasks=sum(process.task_looks[-1].pending for process in one.processes if process.task_looks),
        tasks_read=sum(not task.is_done for process in one.processes for task in _last_tasks(process)),
        looks=one.looks,
        missed=one.missed,
        own_cores=one.own_cpu_s / (one.seconds or 1.0),
        seconds=one.seconds,
    )


def _last_tasks(process: ProcessRecording) -> Sequence[Task]:
    return process.task_looks[-1].tasks if process.task_looks else ()


def _gil(process: ProcessRecording) -> tuple[float, float]:
    """How many threads wanted the GIL of a process on average, and the share of looks in which one had it."""
    looks = len(process.samples) or 1
    wanted = sum(look.waits_for_gil for sample in process.samples for look in sample.threads)
    held = sum(any(look.has_gil for look in sample.threads) for sample in process.samples)
    return wanted / looks, held / looks


def _processes(last: Recording, lanes: Sequence[Lane], stacks: _Stacks) -> Sheet:
    columns = (
        Column("pid", "count"), Column("role"), Column("cores", "cores"), Column("threads", "count"),
        Column("tasks", "count"), Column("memory", "bytes"), Column("busiest thread"), Column("of it", "cores"),
    )  # fmt: skip
    busy: dict[int, list[Spot]] = defaultdict(list)
    for lane, spot in _busy(lanes):
        busy[lane.pid].append(spot)
    rows = [_process(last, one, stacks.paths(busy[one.pid])) for one in last.processes]
    return Sheet("processes", columns, tuple(rows), 2, "No process could be looked at.")


def _process(last: Recording, one: ProcessRecording, paths: tuple[Path, ...]) -> Row:
    known = last.target.process(one.pid)
    seconds = last.seconds or 1.0
    busiest = max(one.threads, key=lambda use: use.cpu_s, default=None)
    cells = (
        one.pid,
        known.role if known else "",
        one.cpu_s / seconds,
        len(one.threads),
        one.task_looks[-1].pending if one.task_looks else 0,
        one.rss_bytes,
        (busiest.name or busiest.kernel_name) if busiest else "",
        busiest.cpu_s / seconds if busiest else 0.0,
    )
    return Row(f"{one.pid}", cells, one.pid, paths, is_hot=one.cpu_s / seconds >= HOT_CORES)


def _threads(last: Recording, lanes: Sequence[Lane], stacks: _Stacks) -> Sheet:
    columns = (
        Column("thread", "place"),
        Column("pid", "count"),
        Column("cores", "cores"),
        Column("CPU", "share"),
        Column("GIL wait", "share"),
        Column("in call", "share"),
        Column("idle", "share"),
        Column("what it does now"),
    )
    waits = {process.pid: _Now(process) for process in last.processes}
    rows = tuple(_thread(last, lane, waits[lane.pid], stacks) for lane in lanes)
    return Sheet("threads", columns, rows, 2, "No look at a thread succeeded.")


class _Now:
    """What the threads of a process did at the last look."""

    def __init__(self, process: ProcessRecording) -> None:
        self._waits = Waits(process)
        self._sample = process.samples[-1] if process.samples else None

    def words(self, tid: int | None, spot: Spot) -> str:
        """The user's innermost frame above an event loop, else the innermost of all, and what the thread does there."""
        look = next((one for one in self._sample.threads if one.tid == tid), None) if self._sample else None
        if look is None or self._sample is None:
            return "ended"
        doing = ", ".join(filter(None, self._waits.words(self._sample, look, spot.state, still_s=None)))
        frames = tuple(frame for frame in reversed(spot.stack) if frame.file)
        frame = user_frame(frames) or next(iter(frames), None)
        return doing if spot.state == "idle" or frame is None else f"{frame.function}:{frame.line} {doing}"


def _thread(last: Recording, lane: Lane, now: _Now, stacks: _Stacks) -> Row:
    total = sum(spot.seconds for spot in lane.spots) or 1.0
    shares: Counter[str] = Counter()
    for spot in lane.spots:
        shares[spot.state] += spot.seconds / total  # type: ignore[assignment]
    cores = lane.cpu_s / (last.seconds or 1.0)
    told = (sum(shares[one] for one in ON_CPU), shares["gil"], shares["call"], shares["idle"])
    cells: tuple[Cell, ...] = (
        lane.name,
        lane.pid,
        cores,
        *(round(float(share), 3) for share in told),
        now.words(lane.tid, lane.spots[-1]) if lane.spots else "",
    )
    return Row(f"{lane.pid}/{lane.tid}", cells, lane.pid, stacks.paths(lane.spots), is_hot=cores >= HOT_CORES)


def _places(
    name: str, lanes: Sequence[Lane], window_s: float, key_of: Callable[[Frame], tuple[str, str]], stacks: _Stacks
) -> Sheet:
    """Time by place. Own: it is the innermost; total: it is on the stack. On a CPU and waiting are counted apart."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    pids: dict[tuple[str, str], int] = {}
    spots: dict[tuple[str, str], list[Spot]] = defaultdict(list)
    for lane, spot in _busy(lanes):
        on_cpu = spot.state in ON_CPU
        weight = (spot.cpu_ns / 1e9 if on_cpu else spot.seconds) / (window_s or 1.0)
        frames = [frame for frame in spot.stack if frame.file]
        for key in {key_of(frame) for frame in frames}:
            sums[key][1 if on_cpu else 3] += weight
            pids.setdefault(key, lane.pid)
            spots[key].append(spot)
        if frames:
            sums[key_of(frames[-1])][0 if on_cpu else 2] += weight
    columns = (
        Column("own CPU", "cores"), Column("total CPU", "cores"), Column("own wait", "cores"),
        Column("total wait", "cores"), Column("function"), Column("place", "place"),
    )  # fmt: skip
    ranked = sorted(sums, key=lambda key: (sums[key][0] + sums[key][2], *sums[key]), reverse=True)[:MOST_ROWS]
    rows = tuple(
        Row("|".join(key), (*sums[key], *key), pids[key], stacks.paths(spots[key]), is_hot=sums[key][0] >= HOT_CORES)
        for key in ranked
    )
    used = sum(one[0] for one in sums.values())
    return Sheet(name, columns, rows, 0 if used >= BUSY_CORES else 2, "No thread ran or waited in a function.")


def _busy(lanes: Iterable[Lane]) -> Iterator[tuple[Lane, Spot]]:
    """Looks at threads that were not idle."""
    return ((lane, spot) for lane in lanes if lane.tid is not None for spot in lane.spots if spot.state != "idle")


class _Stacks:
    """What was met, numbered: a stack is compared with the others once, however many rows it stands behind."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._numbers: dict[tuple[Stack, str], int] = {}
        self._of: dict[int, int] = {}
        for spot in (spot for lane in lanes for spot in lane.spots):
            met = (spot.stack, spot.detail or STATES[spot.state])
            self._of[id(spot)] = self._numbers.setdefault(met, len(self._numbers))
        self._met = list(self._numbers)

    def paths(self, spots: Iterable[Spot]) -> tuple[Path, ...]:
        """The stacks met most, with what was done there."""
        counts = Counter(self._of[id(spot)] for spot in spots)
        total = counts.total() or 1
        most = ((self._met[number], many) for number, many in counts.most_common(MOST_PATHS))
        return tuple(Path(many / total, words, stack) for (stack, words), many in most)


def _tasks(recordings: Sequence[Recording]) -> Sheet:
    """Tasks by where they wait, with how long the one that has stood still longest has been seen there."""
    groups: dict[tuple[str, str, str], list[tuple[int, Task]]] = defaultdict(list)
    for process in recordings[-1].processes:
        waits = Waits(process)
        for task in _last_tasks(process):
            if not task.is_done:
                groups[_wait_of(task, waits)].append((process.pid, task))
    still = _still(recordings)
    columns = (
        Column("tasks", "count"), Column("there for", "seconds"), Column("coroutine"), Column("waits on"),
        Column("at", "place"), Column("route"),
    )  # fmt: skip
    rows = [_group(key, members, still) for key, members in groups.items()]
    rows.sort(key=lambda row: row.cells[0], reverse=True)
    return Sheet("tasks", columns, tuple(rows[:MOST_ROWS]), 0, "No task was seen: no asyncio here, or none pending.")


def _wait_of(task: Task, waits: Waits) -> tuple[str, str, str]:
    frame = user_frame(task.chain) or next(iter(task.chain), None) or task.defined
    return (
        task.coroutine,
        waits.of_task(task.address) or awaited(task),
        f"{frame.file}:{frame.line}" if frame else "",
    )


def _group(key: tuple[str, str, str], members: Sequence[tuple[int, Task]], still: dict[tuple[int, int], float]) -> Row:
    coroutine, waits_on, place = key
    routes = Counter(str(task.route) for _, task in members if task.route)
    longest = max(still.get((pid, task.address), 0.0) if awaited(task) != SLEEP else 0.0 for pid, task in members)
    first_pid, first = members[0]
    stack = tuple(reversed(first.chain))
    words = f"{first.name}, awaits {waits_on}" if waits_on else first.name
    cells = (len(members), longest, coroutine, waits_on, place, ", ".join(one for one, _ in routes.most_common(2)))
    return Row("|".join(key), cells, first_pid, (Path(1.0, words, stack),) if stack else ())


def _still(recordings: Sequence[Recording]) -> dict[tuple[int, int], float]:
    """For how long each task has been at the await where it is now, as far back as was looked."""
    found: dict[tuple[int, int], float] = {}
    places: dict[tuple[int, int], object] = {}
    end_s = 0.0
    for recording in recordings:
        for process in recording.processes:
            for look in process.task_looks:
                for task in look.tasks:
                    key, place = (process.pid, task.address), task.wait
                    if places.get(key) != place:
                        places[key] = place
                        found[key] = end_s + look.at_s
        end_s += recording.seconds
    return {key: end_s - since_s for key, since_s in found.items()}


def _routes(recordings: Sequence[Recording], lanes: Sequence[Lane], window_s: float, stacks: _Stacks) -> Sheet:
    cpu: Counter[str] = Counter()
    wait: Counter[str] = Counter()
    pids: dict[str, int] = {}
    spots: dict[str, list[Spot]] = defaultdict(list)
    for lane, spot in _busy(lanes):
        if spot.route:
            on_cpu = spot.state in ON_CPU
            (cpu if on_cpu else wait)[spot.route] += spot.cpu_ns / 1e9 if on_cpu else spot.seconds  # type: ignore[assignment]
            pids.setdefault(spot.route, lane.pid)
            spots[spot.route].append(spot)
    for lane in lanes:
        for spot in lane.spots if lane.tid is None else ():
            if spot.route:
                spots[spot.route].append(spot)
    at_the_end = (_open(process.task_looks[-1:], process.samples[-1:]) for process in recordings[-1].processes)
    open_now = sum(at_the_end, Counter[str]())
    on_average: dict[str, float] = defaultdict(float)
    whole = window_s or 1.0
    for recording in recordings:
        for process in recording.processes:
            for route, share in _average(process).items():
                on_average[route] += share * (recording.seconds or 1.0) / whole
                pids.setdefault(route, process.pid)
    columns = (
        Column("in progress", "count"), Column("on average", "mean"), Column("CPU", "cores"),
        Column("threads waiting", "cores"), Column("route"),
    )  # fmt: skip
    rows = tuple(
        Row(
            one,
            (open_now[one], on_average[one], cpu[one] / whole, wait[one] / whole, one),
            pids[one],
            stacks.paths(spots[one]),
        )
        for one in pids
    )
    return Sheet("routes", columns, rows, 1, "No request was seen in progress, or its route cannot be read here.")


def _average(process: ProcessRecording) -> dict[str, float]:
    """The requests in progress on average: short ones are seldom met at any one moment."""
    tasks, threads = _open(process.task_looks, ()), _open((), process.samples)
    looks, samples = len(process.task_looks) or 1, len(process.samples) or 1
    return {route: max(tasks[route] / looks, threads[route] / samples) for route in tasks | threads}


def _open(looks: Sequence[TaskLook], samples: Sequence[Sample]) -> Counter[str]:
    """The requests met in progress at these looks: of tasks, or of threads where no task orders them to."""
    tasks = Counter(str(task.route) for look in looks for task in look.tasks if task.route and not task.is_done)
    return tasks | Counter(str(look.route) for sample in samples for look in sample.threads if look.route)
