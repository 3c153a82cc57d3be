"""Full queues in which requests wait for room: who takes things out of them, and those out of which nobody does."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spindoctor.evidence.anatomy import Anatomy, anatomies, find, own_nodes
from spindoctor.evidence.asking import Known
from spindoctor.evidence.full_queues import TAKES, may_give_up, may_take, ran, takes
from spindoctor.evidence.work import Moment, Work
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.locks import PUT, FullQueue, Party, Wait
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.tasks import Pool, Task, TaskLook

MIN_REQUESTS = 2
"""One request alone queues behind nobody."""

TASK_CREW, QUEUE_CREW = "task crew", "queue crew"
CREWS_OF_QUEUES = frozenset({TASK_CREW, QUEUE_CREW})


@dataclass(frozen=True, slots=True)
class Unread:
    """A full queue out of which nobody takes: who waits for room in it, and the tasks that took and have ended."""

    queue: FullQueue
    waits: tuple[Wait, ...]
    ended: tuple[Task, ...]


def with_full_queues(process: ProcessRecording, ports: tuple[int, ...]) -> ProcessRecording:
    """A recording whose looks count those who empty a full queue, in which requests wait for room, among the pools."""
    if not any(look.full_queues for look in process.task_looks):
        return process
    known = anatomies(process.functions)
    looks = [
        replace(look, pools=(*_crews(Work(Moment.of(process, look, ports)), look, known), *look.pools))
        for look in process.task_looks
    ]
    return replace(process, task_looks=tuple(looks))


def _crews(work: Work, look: TaskLook, known: Known) -> Iterator[Pool]:
    """Such a queue is full, so whoever takes out of it is at work."""
    for queue in look.full_queues:
        asking = [one for one in queue.putters if work.is_request(one)]
        members = _takers(queue, known)
        if members and len(asking) >= MIN_REQUESTS:
            yield Pool(
                queue.target,
                TASK_CREW if members[0].task else QUEUE_CREW,
                _name(work.stack(members[0])),
                size=len(members),
                busy=len(members),
                queued=len(asking),
                tids=tuple(one.tid for one in members if one.tid),
                waiters=tuple(one.task for one in asking if one.task),
                tasks=tuple(one.task for one in members if one.task),
                asking=tuple((one.tid, work.times_run(one)) for one in asking if one.tid),
            )


def _takers(queue: FullQueue, known: Known) -> Sequence[Party]:
    """Those who take out of a queue and do not wait for room in it themselves; nobody where another one may."""
    places = [(one, find(known, one.frame.file, one.frame.line)) for one in queue.handles]
    found = {one.party for one, anatomy in places if anatomy and takes(anatomy, one.name)}
    return sorted(found - set(queue.putters), key=lambda one: (one.task or 0, one.tid or 0))


def _name(stack: Stack) -> str:
    """The outermost function of the user's: what a task or thread is there for."""
    return next((frame.function for frame in reversed(stack) if is_user(frame)), "a queue's")


def unread_queues(process: ProcessRecording, look: TaskLook) -> list[Unread]:
    """The full queues that everybody was asked for, that the user's code knows, and out of which nobody takes.

    A function whose source could not be read may, and so may one that asks something of what it reaches by a longer
    way.
    """
    known = anatomies(process.functions)
    asked = [queue for queue in look.full_queues if queue.is_asked and queue.handles and not queue.others]
    found = [one for one in asked if not _may_be_taken(one, known)]
    if not found or any(_may_reach(frame, known) for frame in _frames_of_others(process, look)):
        return []
    told = (_unread(process, look, queue, known) for queue in found)
    return [one for one in told if one.waits]


def _may_be_taken(queue: FullQueue, known: Known) -> bool:
    places = ((one, find(known, one.frame.file, one.frame.line)) for one in queue.handles)
    return any(anatomy is None or may_take(anatomy, one.name) for one, anatomy in places)


def _frames_of_others(process: ProcessRecording, look: TaskLook) -> set[Frame]:
    """The functions of the user's in which anybody stands who does not wait for room in a queue."""
    putters = {one for queue in look.full_queues for one in queue.putters}
    stacks = [task.chain for task in look.tasks if not task.is_done and Party(task=task.address) not in putters]
    stacks += [
        one.stack for sample in process.samples[-1:] for one in sample.threads if Party(tid=one.tid) not in putters
    ]
    return {frame for stack in stacks for frame in stack if is_user(frame)}


def _may_reach(frame: Frame, known: Known) -> bool:
    """Whether a function asks for something of an object that was not among what it had at hand."""
    anatomy = find(known, frame.file, frame.line)
    return anatomy is None or any(map(_asks_far, own_nodes(anatomy.node)))


def _asks_far(node: ast.AST) -> bool:
    """A call like `app.state.jobs.get()`; names, and attributes of `self`, were looked up where they stand."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.args:
        return False
    holder = node.func.value
    is_near = isinstance(holder, ast.Name) or (
        isinstance(holder, ast.Attribute) and ast.unparse(holder.value) == "self"
    )
    return TAKES.search(node.func.attr) is not None and not is_near


def _unread(process: ProcessRecording, look: TaskLook, queue: FullQueue, known: Known) -> Unread:
    chains: Mapping[Party, Stack] = {Party(task=one.address): one.chain for one in look.tasks}
    moving = ran(process)
    waits = tuple(
        one
        for one in look.waits
        if one.kind == PUT and one.waiter in queue.putters and not one.has_limit and one.waiter not in moving
        if not may_give_up(chains.get(one.waiter, ()), known)
    )
    names = {one.name for one in queue.handles}
    ended = tuple(one for one in look.tasks if one.is_done and _took(one, names, known))
    return Unread(queue, waits, ended)


def _took(task: Task, names: set[str], known: Known) -> bool:
    """Whether an ended task's function takes out of what is called so."""
    code = task.defined
    anatomy: Anatomy | None = find(known, code.file, code.line) if code else None
    return anatomy is not None and any(takes(anatomy, name) for name in names)
