"""Which lines of source go into a recording: around the places seen most, and one for each frame seen last."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import Candidate, ProcessRecording, SourceWindow
from spindoctor.model.tasks import HUB, Task, TaskLook
from spindoctor.probe.sources import SourceReader

MOST_WINDOWS = 120
MOST_CANDIDATES = 40
"""A third of the windows: most are for the places that were seen."""

MOST_FRAMES = 16
"""Of one stack: its innermost say what it does."""

MOST_LINES = 1000
"""Single lines: of 40 threads with stacks of their own and 25 frames each."""


def windows(seen: ProcessRecording, candidates: Iterable[Candidate], sources: SourceReader) -> Iterator[SourceWindow]:
    """Source lines around the candidates and the places seen most."""
    first = len(seen.samples) * MOST_FRAMES + 1
    shown = itertools.islice(candidates, MOST_CANDIDATES)
    places = Counter({Frame(one.function, one.file, one.line): first for one in shown})
    for stack, looks in _stacks(seen):
        for frame in stack[:MOST_FRAMES]:
            places[frame] += looks
    for task_look in seen.task_looks:
        for task in task_look.tasks:
            places.update(task.chain)
            places.update([task.defined] if task.defined else [])
        for scope in task_look.scopes:
            places.update(task.defined for task in scope.tasks if task.defined)
    for frame, _ in places.most_common(MOST_WINDOWS):
        window = sources.window(frame.file, frame.line)
        if window:
            yield window


def _stacks(seen: ProcessRecording) -> Iterator[tuple[Stack, int]]:
    """Every stack of the threads with the looks that met it: those at a thread that sleeps share one object."""
    stacks = [look.stack for sample in seen.samples for look in sample.threads]
    looks = Counter(map(id, stacks))
    yield from ((stack, looks[key]) for key, stack in {id(stack): stack for stack in stacks}.items())


def last_lines(seen: ProcessRecording, sources: SourceReader) -> Iterator[SourceWindow]:
    """The one line of each frame that was seen last, of threads and of tasks."""
    places: dict[tuple[str, int], None] = {}
    for sample in seen.samples[-1:]:
        for look in sample.threads:
            places.update(dict.fromkeys((frame.file, frame.line) for frame in look.stack))
    for task_look in seen.task_looks[-1:]:
        for task in task_look.tasks:
            places.update(dict.fromkeys((frame.file, frame.line) for frame in task.chain))
    for file, line in list(places)[:MOST_LINES]:
        window = sources.window(file, line, around=0)
        if window:
            yield window


def functions(seen: ProcessRecording, sources: SourceReader) -> Iterator[SourceWindow]:
    """The whole functions of threads that burn CPU, of failures, cancelled tasks, and of waits for locks and queues."""
    places = Counter(frame for look in seen.hot_looks for frame in look.stack)
    places.update(frame for failure in seen.failures for frame in failure.places)
    places.update(frame for look in seen.task_looks for task in _cancelled(look) for frame in task.chain)
    places.update(frame for look in seen.task_looks for frame in _asking(seen, look))
    places.update(frame for look in seen.task_looks[-1:] if look.full_queues for frame in _may_take(seen, look))
    places.update(hold.frame for look in seen.task_looks for wait in look.waits for hold in wait.handles)
    known: set[tuple[str, str, int]] = set()
    for frame, _ in places.most_common(MOST_WINDOWS):
        window = sources.function(frame.file, frame.function, frame.line)
        if window and (frame.file, frame.function, window.first_line) not in known:
            known.add((frame.file, frame.function, window.first_line))
            yield window


def _may_take(seen: ProcessRecording, look: TaskLook) -> Iterator[Frame]:
    """The user's frames of all who may take something out of a full queue, or did before they ended."""
    stacks = [one.stack for sample in seen.samples[-1:] for one in sample.threads]
    stacks += [task.chain for task in look.tasks]
    yield from (hold.frame for queue in look.full_queues for hold in queue.handles)
    yield from (frame for stack in stacks for frame in stack if is_user(frame))
    yield from (task.defined for task in look.tasks if task.is_done and task.defined and is_user(task.defined))


def _cancelled(look: TaskLook) -> Iterator[Task]:
    yield from (task for scope in look.scopes if scope.is_cancelled for task in scope.tasks)
    yield from (task for task in look.tasks if task.must_cancel or task.cancel_requests)


def _asking(seen: ProcessRecording, look: TaskLook) -> Iterator[Frame]:
    """The user's frames of tasks and threads that queue for a member of something."""
    tasks = {one.party.task for one in look.claims} | {task for pool in look.pools for task in pool.waiters or ()}
    tasks |= {task.address for task in look.tasks if task.waits_on == HUB and task.chain and is_user(task.chain[0])}
    threads = {one.party.tid for one in look.claims}
    stacks = [task.chain for task in look.tasks if task.address in tasks]
    stacks += [one.stack for sample in seen.samples[-1:] for one in sample.threads if one.tid in threads]
    yield from (frame for stack in stacks for frame in stack if is_user(frame))
