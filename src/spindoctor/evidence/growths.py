"""Tasks and threads that come and do not go: counted by what they do, from the first look to the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.evidence.starters import starters
from spindoctor.evidence.work import Moment, Work
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import Candidate, ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import HUB, Task, TaskLook
from spindoctor.model.waiting import Growth, Growths

MOST_KINDS = 8
THREADING_FILE = "/threading.py"
RUN = "run"
"""The method that a thread begins with; of `threading`'s own classes only a timer waits in it."""

TIMER_STARTED = "timer-started-and-not-cancelled"
"""The shape of a place in the source that begins such a thread."""

POOL_FILE = "concurrent/futures/thread.py"
NEARLY_ALL = 0.9
"""Of the threads that began nine of ten are of one kind: who is met beginning threads began these."""

MOST_OF_THEM = 0.9
"""Where the tasks that were read are fewer than this part of those that there are, they are a sample and no count; so
they are where they are as many as are read at most."""

Seen = Sequence[Mapping[int, object]]
"""For each look the members by task address or thread id, each with its kind."""


def growths(recording: Recording) -> Growths | Missing:
    """Every kind of task or thread that grew."""
    looked = [one for one in recording.processes if one.task_looks and one.samples]
    if not looked:
        return Missing("no look at tasks and threads succeeded")
    found = [kind for one in looked for kind in (*_tasks(one, recording.target.ports), *_threads(one))]
    found.sort(key=lambda one: one.last - one.first, reverse=True)
    return Growths(
        kinds=tuple(found[:MOST_KINDS]),
        looks=sum(len(one.task_looks) for one in looked),
        seconds=min(one.task_looks[-1].at_s - one.task_looks[0].at_s for one in looked),
        tasks=sum(one.task_looks[-1].pending for one in looked),
        threads=sum(len(one.samples[-1].threads) for one in looked),
    )


def _tasks(process: ProcessRecording, ports: tuple[int, ...]) -> list[Growth]:
    if any(task.waits_on == HUB for look in process.task_looks for task in look.tasks):
        return []  # greenlets are found in memory little by little: more of them are no growth
    most = max(len(one.tasks) for one in process.task_looks)
    cut = [one for one in process.task_looks if len(one.tasks) == most < one.task_count]
    looks = [one for one in process.task_looks if len(one.tasks) >= MOST_OF_THEM * one.task_count and one not in cut]
    if len(looks) < len(process.task_looks) / 2:
        return _by_count(process)
    work = Work(Moment.of(process, looks[-1], ports))
    last = {task.address: task for task in looks[-1].tasks}
    seen = [{task.address: _kind(task) for task in look.tasks if not task.is_done} for look in looks]
    found = [_of_tasks(process, counts, [last[one] for one in members], work) for _, counts, members in _grown(seen)]
    return [replace(one, seconds=looks[-1].at_s - looks[0].at_s) for one in found] if cut else found


def _by_count(process: ProcessRecording) -> list[Growth]:
    """Too many tasks to read all: their number, and what most of those that were read do."""
    counts = [look.pending for look in process.task_looks]
    first, middle, last = counts[0], counts[len(counts) // 2], counts[-1]
    tasks = [task for task in process.task_looks[-1].tasks if not task.is_done]
    if last <= first or not tasks:
        return []
    kind = Counter(map(_kind, tasks)).most_common(1)[0][0]
    work = Work(Moment.of(process, process.task_looks[-1], ()))
    most = [task for task in tasks if _kind(task) == kind]
    return [_of_tasks(process, (first, middle, last, last - first, 0, NO_LOOKS), most, work)]


def _kind(task: Task) -> tuple[str, Frame | None, str]:
    """What a task does: the code of its coroutine, and for a server's own task the user's function that it is in."""
    mine = user_frame(task.chain)
    return task.coroutine, task.defined, mine.function if mine else ""


Counts = tuple[int, int, int, int, int, Share]
"""First, middle, last, begun, ended, kept."""


def _grown(seen: Seen) -> list[tuple[object, Counts, list[int]]]:
    """The kinds with more members in the last look than in the first, and those members."""
    now = Counter(seen[-1].values())
    before = Counter(seen[0].values())
    grown = [kind for kind, count in now.items() if count > before[kind]]
    return [(kind, _counts(kind, seen), [one for one, its in seen[-1].items() if its == kind]) for kind in grown]


def _counts(kind: object, seen: Seen) -> Counts:
    members = [{one for one, its in look.items() if its == kind} for look in seen]
    alive = [set(look) for look in seen]
    begun = sum(len(now - before) for before, now in zip(alive, members[1:], strict=False))
    ended = sum(len(before - now) for before, now in zip(members, alive[1:], strict=False))
    kept = Share(len(members[0] & alive[-1]), len(members[0]))
    return len(members[0]), len(members[len(members) // 2]), len(members[-1]), begun, ended, kept


def _of_tasks(process: ProcessRecording, counts: Counts, tasks: Sequence[Task], work: Work) -> Growth:
    first, middle, last, begun, ended, kept = counts
    parties = [Party(task=task.address) for task in tasks]
    return Growth(
        pid=process.pid,
        are_tasks=True,
        name=tasks[0].coroutine,
        first=first,
        middle=middle,
        last=last,
        begun=begun,
        ended=ended,
        kept=kept,
        site=_site([task.chain for task in tasks], [task.address for task in tasks], Namer(process)),
        at_clients=work.clients_waited_at(parties),
        answered=work.clients_answered(parties),
        makers=tuple(_makers(tasks, process)),
    )


def _site(stacks: Sequence[Stack], tasks: Sequence[int], namer: Namer, tids: Sequence[int] = ()) -> Culprit:
    """Where most of them stand."""
    lines = Counter(user_frame(stack) for stack in stacks)
    line = lines.most_common(1)[0][0]
    place = next(number for number, stack in enumerate(stacks) if user_frame(stack) == line)
    return namer.culprit(stacks[place], tids[place] if tids else None, tasks[place] if tasks else None)


def _makers(tasks: Iterable[Task], process: ProcessRecording) -> list[Culprit]:
    """The tasks that wait for them, one for each line; who else began a task is not kept by asyncio."""
    namer = Namer(process)
    awaiting = {one for task in tasks for one in task.awaited_by}
    known = [namer.tasks[one] for one in awaiting if one in namer.tasks]
    found = {user_frame(task.chain): namer.culprit(task.chain, None, task.address) for task in known}
    return [culprit for frame, culprit in found.items() if frame][:2]


def _threads(process: ProcessRecording) -> list[Growth]:
    looks = [_at(process, look) for look in process.task_looks]
    seen = [{tid: _thread_kind(stack) for tid, stack in look.items() if stack} for look in looks]
    there = [{one.tid for one in sample.threads} for sample in process.samples]
    most = max(1, NEARLY_ALL * len(set().union(*there[1:]) - there[0]))
    found = [
        _of_threads(process, counts, {tid: looks[-1][tid] for tid in members}) for _, counts, members in _grown(seen)
    ]
    return [replace(one, makers=starters(process)) if one.begun >= most else one for one in found]


def _at(process: ProcessRecording, look: TaskLook) -> dict[int, Stack]:
    sample = process.sample_at(look.at_s) or process.samples[0]
    return {one.tid: one.stack for one in sample.threads}


def _thread_kind(stack: Stack) -> tuple[str, str]:
    """What a thread was begun for: the outermost function that is not `threading`'s own, else its innermost `run`."""
    others = (frame for frame in reversed(stack) if not frame.file.endswith(THREADING_FILE))
    runs = (frame for frame in stack if frame.function.rpartition(".")[2] == "run")
    begun = next(others, None) or next(runs, stack[-1])
    return begun.function, begun.file


def _of_threads(process: ProcessRecording, counts: Counts, stacks: Mapping[int, Stack]) -> Growth:
    first, middle, last, begun, ended, kept = counts
    some = next(iter(stacks.values()))
    entry = _thread_kind(some)
    own_run = next((frame for frame in reversed(some) if frame.function.rpartition(".")[2] == "run"), None)
    is_subclass = own_run is not None and not own_run.file.endswith(THREADING_FILE) and user_frame((own_run,)) is None
    return Growth(
        pid=process.pid,
        are_tasks=False,
        name=entry[0],
        first=first,
        middle=middle,
        last=last,
        begun=begun,
        ended=ended,
        kept=kept,
        site=_site(list(stacks.values()), (), Namer(process), list(stacks)),
        are_members=entry[1].endswith(POOL_FILE) or is_subclass,
        candidates=_timers(process) if _is_timer(entry) else (),
    )


def _is_timer(entry: tuple[str, str]) -> bool:
    return entry[0].rpartition(".")[2] == RUN and entry[1].endswith(THREADING_FILE)


def _timers(process: ProcessRecording) -> tuple[Candidate, ...]:
    return tuple(one for one in process.candidates if one.shape == TIMER_STARTED)
