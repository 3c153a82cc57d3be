"""What the service was asked to do while it was looked at."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from spindoctor.evidence.employed import employed
from spindoctor.evidence.standing import standing
from spindoctor.evidence.work import is_accepted
from spindoctor.model.facts import Load
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import TaskLook

MOST_ROUTES = 5

FEW_LOOKS = 3
"""Where one look in ten meets somebody in a busy server's queue, three in a row by chance do once in a thousand."""


def load(recording: Recording) -> Load | Missing:
    """Requests in progress, pending tasks, connections, and how often any thread ran."""
    if not recording.looks:
        return Missing("no look succeeded, so the load is unknown")
    ended = [one.ended for one in recording.processes if one.ended]
    if ended:
        return Missing("; ".join(ended))
    routes = {
        str(task.route): None
        for one in recording.processes
        for look in one.task_looks
        for task in look.tasks
        if task.route
    }
    seen = {str(route): None for one in recording.processes for _, route in one.routes}
    workers, places = employed(recording)
    return Load(
        requests=sum(_requests(one) for one in recording.processes),
        routes=tuple({**routes, **seen})[:MOST_ROUTES],
        tasks=sum(one.task_looks[-1].pending for one in recording.processes if one.task_looks),
        connections=_all_connections(recording),
        cores=sum(one.cpu_s for one in recording.processes) / recording.seconds if recording.seconds else 0.0,
        active_looks=Share(
            sum(any(look.ran_ns for look in sample.threads) for one in recording.processes for sample in one.samples),
            recording.looks,
        ),
        queued=_queued(recording),
        standing=_standing(recording),
        newborn=recording.machine.newborn,
        short_lived=recording.machine.short_lived,
        stands=standing(recording),
        owed_s=tuple(sorted(_owed(recording), reverse=True)),
        late_s=late_s(recording),
        employed=workers,
        employed_at=places,
    )


def late_s(recording: Recording) -> float | None:
    """How late the first timer of an event loop was met at most; None where no look could read one."""
    looks = [loop for one in recording.processes for sample in one.samples for loop in sample.loops]
    return max((max(look.overdue_s, 0.0) for look in looks if look.overdue_s is not None), default=None)


def _owed(recording: Recording) -> Iterator[float]:
    """How long ago clients sent what has not been answered; each connection once, whoever has it."""
    sockets = {d.inode: d.socket for one in recording.processes for d in one.descriptors if d.socket}
    for one in sockets.values():
        if one.state == "ESTABLISHED" and is_accepted(one, recording.target.ports):
            sent_s, received_s = one.sent_ago_s, one.received_ago_s
            if sent_s is not None and received_s is not None and received_s < sent_s:
                yield received_s


def _standing(recording: Recording) -> int:
    """Tasks that work for requests, where each of them stood at one await in all slow looks; else 0."""
    found = 0
    for process in recording.processes:
        looks = process.task_looks
        scenes = {frozenset((one.address, one.chain) for one in look.tasks if one.route) for look in looks}
        if len(scenes) > 1 or len(looks) == 1 or any(look.thread_requests for look in looks):
            return 0
        found += len(next(iter(scenes), ()))
    return found


def _queued(recording: Recording) -> int:
    """Connections that nobody accepts; a forked service has one such socket in many processes.

    One that is there at a single moment may be accepted in the next; several are a queue.
    """
    sockets = {d.inode: d.socket for one in recording.processes for d in one.descriptors if d.socket}
    once = {inode: one.receive_queue_bytes for inode, one in sockets.items() if one.state == "LISTEN"}
    return sum(_stayed(recording, inode, many) for inode, many in once.items())


def _stayed(recording: Recording, inode: int, once: int) -> int:
    """How many waited in the middle one of the looks, or in all of the last ones; from one look alone more than one."""
    counts = [many for look in recording.queue_looks for number, many in look.waiting if number == inode]
    if len(counts) < FEW_LOOKS:
        return once if once > 1 or (counts and min(counts)) else 0
    return max(statistics.median_low(counts), min(counts[-FEW_LOOKS:]))


def _requests(process: ProcessRecording) -> float:
    """Requests that tasks or threads work for; where both do, a task waits for its thread, and it is one request."""
    counts = [max(len(_outermost(look)), look.thread_requests) for look in process.task_looks]
    return sum(counts) / len(counts) if counts else 0.0


def _outermost(look: TaskLook) -> set[int]:
    """Of the tasks with a request in hand those that no other such task awaits: one may have handed it to several."""
    routed = {task.address for task in look.tasks if task.route}
    return {task.address for task in look.tasks if task.route and not routed & set(task.awaited_by)}


def _all_connections(recording: Recording) -> int | None:
    """Established connections to the ports of the service, None where they cannot be counted.

    A connection that ends while it is read leaves a descriptor without a socket: then none found does not mean none.
    """
    ports = recording.target.ports
    if not ports or any(one.descriptors_at_s is None for one in recording.processes):
        return None
    count = sum(_connections(one, ports) for one in recording.processes)
    unread = any(held.kind == "socket" and not held.socket for one in recording.processes for held in one.descriptors)
    return count if count or not unread else None


def _connections(process: ProcessRecording, ports: tuple[int, ...]) -> int:
    ends = {f":{port}" for port in ports}
    sockets = [one.socket for one in process.descriptors if one.socket and one.socket.state == "ESTABLISHED"]
    return sum(1 for socket in sockets if any(socket.local.endswith(end) for end in ends))
