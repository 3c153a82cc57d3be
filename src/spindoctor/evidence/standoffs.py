"""Threads and tasks that wait for each other: cycles in the graph of who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spindoctor.evidence.anatomy import anatomies
from spindoctor.evidence.full_queues import stuck_queues, takers
from spindoctor.evidence.origin import place, user_frame
from spindoctor.evidence.parties import culprit_of, name_of, stack_of
from spindoctor.evidence.pipes import pipe_standoffs
from spindoctor.evidence.room import CREWS_OF_QUEUES, unread_queues
from spindoctor.evidence.shared_locks import shared_standoffs
from spindoctor.evidence.sites import Namer
from spindoctor.evidence.standstill import standstill
from spindoctor.model.locks import PUT, Party, Wait
from spindoctor.model.outcome import Culprit
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool, Task, TaskLook
from spindoctor.model.waiting import Standoff, Standoffs, Waiter

LIMITS = frozenset({"wait_for", "wait", "timeout", "shield", "as_completed"})
"""A task that awaits others through one of these may go on before they end."""

AWAIT = "await"
"""The kind of a task's wait for the end of another."""

ERRAND = "errand"
"""The kind of a task's wait for what a thread of a pool does for it."""

ANSWER = "answer"
"""The kind of a wait for what is to be done with something that lies in a queue."""

NOBODYS = "that no thread of this process has"
"""What is said of a lock without a holder."""

MOST_MAKERS = 2
"""Names of those who could make room: of more their number says as much."""

Found = tuple[str, frozenset[Party], tuple[Wait, ...]]
"""The kind of a standoff, who is in it, and the waits that make it."""


Past = Sequence[tuple[float, frozenset[Wait]]]
"""All waits of each slow look, with its time."""


def standoffs(recording: Recording) -> Standoffs | Missing:
    """Every standoff that was there in the last slow look, with how long it had been so."""
    looked = [one for one in recording.processes if one.task_looks]
    if not looked:
        return Missing("no look at the locks succeeded")
    across = (*pipe_standoffs(recording), *shared_standoffs(recording))
    found = (*(one for process in looked for one in _of_process(recording, process)), *across)
    waits = sum(len(process.task_looks[-1].waits) for process in looked)
    return Standoffs(found, looks=sum(len(one.task_looks) for one in looked), waits=waits)


def _of_process(recording: Recording, process: ProcessRecording) -> list[Standoff]:
    last = process.task_looks[-1]
    is_forked = _is_forked(recording, process.pid)
    past = [(look.at_s, frozenset(_waits(look))) for look in process.task_looks]
    found = _standoffs(process, last, past, is_forked=is_forked)
    told = [_standoff(process, one, last, past, is_forked=is_forked) for one in found]
    all_asleep = None if told else standstill(process)
    return [all_asleep] if all_asleep else told


def _standoffs(process: ProcessRecording, look: TaskLook, past: Past, *, is_forked: bool) -> list[Found]:
    pools = [*_pools(look), *_orphans(process, look, past, is_forked=is_forked)]
    queues = [*_queues(process, look), *_unread(process, look, past), *_unserved(look, past)]
    return [*_cycles(process, look), *pools, *queues]


def _queues(process: ProcessRecording, look: TaskLook) -> list[Found]:
    """Those who could make room and wait for it; who else waits comes and goes, as requests do."""
    found = stuck_queues(process, look)
    readers = {party for one in found for party in one.readers}
    waits = tuple(wait for one in found for wait in one.waits if wait.waiter in readers)
    return [("queue", frozenset(one.waiter for one in waits), waits)] if waits else []


def _unread(process: ProcessRecording, look: TaskLook, past: Past) -> list[Found]:
    """Of those who wait for room that nobody makes, those who have waited the longest: others come after them."""
    found: list[Found] = []
    for one in unread_queues(process, look):
        waits = _longest(one.waits, past)
        found.append(("unread", frozenset(wait.waiter for wait in waits), waits))
    return found


def _unserved(look: TaskLook, past: Past) -> list[Found]:
    """Of those whose work lies in a queue that nobody serves, those who have waited the longest."""
    asked: dict[int, list[Wait]] = {}
    for pool, wait in _answers(look):
        asked.setdefault(pool.address, []).append(wait)
    found = [_longest(waits, past) for waits in asked.values()]
    return [("unserved", frozenset(wait.waiter for wait in waits), waits) for waits in found]


def _longest(waits: Sequence[Wait], past: Past) -> tuple[Wait, ...]:
    longest_s = max(_lasted(past, (wait,)) for wait in waits)
    return tuple(wait for wait in waits if _lasted(past, (wait,)) == longest_s)


def _answers(look: TaskLook) -> Iterator[tuple[Pool, Wait]]:
    """The waits for what is to be done with something that lies in a queue at which no thread is met."""
    tasks = {task.address: task for task in look.tasks}
    for pool in look.pools:
        if pool.kind in CREWS_OF_QUEUES and not pool.size:
            for tid, target in pool.asking:
                yield pool, Wait(Party(tid=tid), ANSWER, target, pool.name)
            for task in (tasks[one] for one in pool.waiters or () if one in tasks):
                yield pool, Wait(Party(task=task.address), ANSWER, task.awaits or 0, pool.name)


def _cycles(process: ProcessRecording, look: TaskLook) -> list[Found]:
    loops = {use.loop: use.tid for use in process.threads if use.loop}
    edges = _in_circles(_edges(look, loops))
    every = [wait for wait in _waits(look) if wait.waiter in edges] if edges else []
    seen: dict[frozenset[Party], Found] = {}
    for start in edges:
        members = frozenset(_cycle(start, edges) or ())
        if members and members not in seen:
            waits = tuple(wait for wait in every if wait.waiter in members and _is_for(wait, members))
            kind = "loop" if _is_of_loop(members, waits, loops) else "cycle"
            seen[members] = kind, members, waits
    return [found for found in seen.values() if found[2]]


def _is_for(wait: Wait, members: frozenset[Party]) -> bool:
    """Whether a wait is one of a circle's: a task may await others beside the one that never ends."""
    return wait.kind not in {AWAIT, ERRAND} or bool(members & set(wait.holders))


def _waits(look: TaskLook) -> tuple[Wait, ...]:
    """All waits of a look, those of tasks for the end of others, or for threads, among them."""
    awaits = (_await(awaiter, task) for awaiter, task in _awaits(look))
    return (*look.waits, *awaits, *_errands(look), *(wait for _, wait in _answers(look)))


def _errands(look: TaskLook) -> Iterator[Wait]:
    """What tasks have handed to threads and cannot go on without."""
    tasks = {task.address: task for task in look.tasks}
    for one in look.conversations:
        awaiter = tasks.get(one.for_task or 0)
        if awaiter and one.party.tid and not _may_go_on(awaiter):
            yield Wait(Party(task=awaiter.address), ERRAND, one.party.tid, "Thread", (one.party,))


def _await(awaiter: Task, task: Task) -> Wait:
    return Wait(Party(task=awaiter.address), AWAIT, task.address, "Task", (Party(task=task.address),))


def _awaits(look: TaskLook) -> Iterator[tuple[Task, Task]]:
    """Each task that cannot go on before another ends, with that one."""
    tasks = {task.address: task for task in look.tasks}
    for task in look.tasks:
        for awaiter in (tasks[one] for one in task.awaited_by if one in tasks):
            if not task.is_done and not _may_go_on(awaiter):
                yield awaiter, task


def _is_of_loop(members: frozenset[Party], waits: Sequence[Wait], loops: Mapping[int, int]) -> bool:
    """A loop's thread waits for something of its own loop: its future, or what one of its tasks has."""
    threads = {one.tid for one in members if one.tid}
    of_loop = threads & set(loops.values())
    own_future = any(wait.kind == "future" and wait.waiter in wait.holders for wait in waits)
    return bool(of_loop) and len(threads) == 1 and (own_future or any(one.task for one in members))


def _edges(look: TaskLook, loops: Mapping[int, int]) -> dict[Party, set[Party]]:
    """Who cannot go on before whom: all of them are needed."""
    edges: dict[Party, set[Party]] = {}
    for wait in look.waits:
        if len(wait.holders) == 1 and wait.kind != "pool":
            edges.setdefault(wait.waiter, set()).update(wait.holders)
    for wait in (*(_await(awaiter, task) for awaiter, task in _awaits(look)), *_errands(look)):
        edges.setdefault(wait.waiter, set()).update(wait.holders)
    tasks = {task.address: task for task in look.tasks}
    for holder in {one for held in edges.values() for one in held if one.task}:
        held_by = tasks.get(holder.task or 0)
        if held_by and held_by.loop in loops:
            edges.setdefault(holder, set()).add(Party(tid=loops[held_by.loop]))
    return edges


def _in_circles(edges: Mapping[Party, set[Party]]) -> dict[Party, set[Party]]:
    """Without those from whom no way leads back: who waits for nobody that waits, and for whom nobody waits."""
    left = {one: set(wanted) for one, wanted in edges.items()}
    waiters: dict[Party, set[Party]] = {}
    for one, wanted in left.items():
        for holder in wanted:
            waiters.setdefault(holder, set()).add(one)
    todo = [one for one in {*left, *waiters} if not left.get(one) or not waiters.get(one)]
    while todo:
        gone = todo.pop()
        before, after = waiters.pop(gone, set()), left.pop(gone, set())
        for one in before & left.keys():
            left[one].discard(gone)
        for one in after & waiters.keys():
            waiters[one].discard(gone)
        todo += [one for one in before if one in left and not left[one]]
        todo += [one for one in after if one in waiters and not waiters[one]]
    return left


def _may_go_on(task: Task) -> bool:
    return task.has_limit or any(frame.function.rpartition(".")[2] in LIMITS for frame in task.chain)


def _cycle(start: Party, edges: Mapping[Party, set[Party]]) -> list[Party] | None:
    """A way from `start` back to itself."""
    todo, came_from = [start], dict[Party, Party]()
    while todo:
        last = todo.pop()
        for following in edges.get(last, ()):
            if following == start:
                path = [last]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if following not in came_from:
                came_from[following] = last
                todo.append(following)
    return None


def _pools(look: TaskLook) -> list[Found]:
    """Pools all of whose members wait for work that is queued in the same pool."""
    waits: dict[int, list[Wait]] = {}
    for wait in look.waits:
        if wait.kind == "pool":
            waits.setdefault(wait.target, []).append(wait)
    full = {pool.address for pool in look.pools if pool.busy >= pool.size > 0}
    found = []
    for target, asked in waits.items():
        members = set(asked[0].holders)
        stuck = tuple(one for one in asked if one.waiter in members)  # others only wait for what these do
        if target in full and members <= {one.waiter for one in stuck}:
            found.append(("pool", frozenset(one.waiter for one in stuck), stuck))
    return found


def _orphans(process: ProcessRecording, look: TaskLook, past: Past, *, is_forked: bool) -> list[Found]:
    """Locks whose owner is no thread of this process, or that nobody here can have: a fork left us one thread.

    Of several who wait for the same one the first to come stands for all. Who waits is the one thread that is left:
    others may have ended since, and whoever waited in them waits no more.
    """
    threads = {one.tid for one in process.samples[-1].threads} if process.samples else set[int]()
    waits = [
        wait
        for wait in look.waits
        if wait.is_orphaned or (wait.kind == "lock" and not wait.holders and is_forked and threads == {wait.waiter.tid})
    ]
    waits.sort(key=lambda one: _lasted(past, (one,)), reverse=True)
    first = {wait.target: wait for wait in reversed(waits)}
    return [("orphan", frozenset({wait.waiter}), (wait,)) for wait in first.values()]


def _is_forked(recording: Recording, pid: int) -> bool:
    """Whether a process runs what its parent runs: a copy of it, not a program that was started anew."""
    process = recording.target.process(pid)
    parent = recording.target.process(process.parent_pid) if process else None
    return bool(process and parent and process.command == parent.command)


def _standoff(process: ProcessRecording, found: Found, last: TaskLook, past: Past, *, is_forked: bool) -> Standoff:
    kind, members, waits = found
    same = sum(seen.issuperset(waits) for _, seen in past)
    loop_threads = {use.tid for use in process.threads if use.loop}
    return Standoff(
        pid=process.pid,
        kind=kind,
        members=tuple(_waiter(process, wait, last) for wait in waits),
        seen=Share(same, len(past)),
        lasted_s=_lasted(past, waits),
        holds_loop=any(one.tid in loop_threads for one in members if one.tid),
        has_limit=any(wait.has_limit for wait in waits),
        is_forked=is_forked,
        has_tasks=any(one.task for one in members),
        ended=_ended(process, last, members) if kind == "unread" else (),
    )


def _ended(process: ProcessRecording, last: TaskLook, members: frozenset[Party]) -> tuple[Culprit, ...]:
    """Where the tasks were defined that took out of the queue of these, and have ended."""
    namer = Namer(process)
    told = [task for one in unread_queues(process, last) if members & set(one.queue.putters) for task in one.ended]
    return tuple(namer.culprit((task.defined,), None, task.address) for task in told if task.defined)


def _lasted(past: Past, waits: Sequence[Wait]) -> float:
    """For how long up to the last look these waits were there without a break."""
    since = past[-1][0]
    for at_s, seen in reversed(past):
        if not seen.issuperset(waits):
            break
        since = at_s
    return past[-1][0] - since


def _waiter(process: ProcessRecording, wait: Wait, last: TaskLook) -> Waiter:
    namer = Namer(process)
    return Waiter(
        name=name_of(wait.waiter, namer),
        culprit=culprit_of(process, wait.waiter, last, namer),
        waits_for=_waits_for(process, wait, last, namer),
    )


def _waits_for(process: ProcessRecording, wait: Wait, last: TaskLook, namer: Namer) -> str:
    if not wait.holders:
        return _waits_for_nobody(process, wait, last, namer)
    if wait.kind == "pool":
        return f"work that is queued in its own pool {wait.type_name}"
    who = name_of(wait.holders[0], namer)
    if wait.kind in {"join", AWAIT}:
        return f"the end of {who}"
    if wait.kind == ERRAND:
        return f"what {who} does for it"
    if wait.kind == "future":
        return f"a result that only {who} can bring"
    held = wait.held_at or user_frame(stack_of(process, wait.holders[0], last))
    return f"a {wait.type_name} that {who} has" + (f", in {place(held)}" if held else "")


def _waits_for_nobody(process: ProcessRecording, wait: Wait, last: TaskLook, namer: Namer) -> str:
    if wait.kind == ANSWER:
        return f"the answer to what lies in a {wait.type_name}"
    return _waits_for_room(process, wait, last, namer) if wait.kind == PUT else f"a {wait.type_name} {NOBODYS}"


def _waits_for_room(process: ProcessRecording, wait: Wait, last: TaskLook, namer: Namer) -> str:
    queue = next((one for one in last.full_queues if wait.waiter in one.putters), None)
    makers = takers(queue, anatomies(process.functions)) if queue else frozenset()
    is_few = len(makers) <= MOST_MAKERS
    names = sorted(name_of(one, namer) for one in makers) if is_few else []
    who = " or ".join(names) if is_few else f"one of {len(makers)} who wait like it"
    return f"room in a full {wait.type_name}" + (f", which only {who} can make" if makers else "")
