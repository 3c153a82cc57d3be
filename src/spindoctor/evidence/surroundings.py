"""What lies around the process: descriptors against their limit, the CPU quota, neighbours, memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from spindoctor.evidence.cpu import cpu_use
from spindoctor.model.cpu import CpuUse
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import Candidate, ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.surroundings import DescriptorUse, DescriptorUses, MemoryUse, Queuer, Starvation, Throttling

MOST_GROUPS = 3
OPENED = {
    "file": "file-opened-and-kept",
    "socket": "connection-opened-and-kept",
    "pipe": "pipe-opened-and-kept",
}
"""The shape of source that opens, and keeps, a descriptor of each kind."""
LONELY_CORES = 0.05
"""A thread that wants less than this of a core is not held up by a queue worth speaking of."""


def descriptor_uses(recording: Recording) -> DescriptorUses | Missing:
    """The descriptors of each process that could be read."""
    looked = [one for one in recording.processes if one.descriptors]
    if not looked:
        said = [why for one in recording.processes for part, why in one.missing if part == "descriptors"]
        return Missing(next(iter(said), "the descriptors could not be read"))
    ports = frozenset(recording.target.ports)
    uses = [_descriptors(one, ports) for one in looked]
    machine = recording.machine
    ordered = tuple(sorted(uses, key=lambda one: one.share, reverse=True))
    return DescriptorUses(ordered, machine.open_files, machine.open_files_limit)


def _descriptors(process: ProcessRecording, ports: frozenset[int]) -> DescriptorUse:
    every = process.descriptors
    waiting = [one for one in every if one.socket and one.socket.state == "CLOSE_WAIT"]
    return DescriptorUse(
        pid=process.pid,
        total=len(every),
        limit=process.descriptor_limit,
        kinds=tuple(Counter(one.kind for one in every).most_common()),
        close_wait=len(waiting),
        close_wait_groups=_groups(waiting, ports),
        groups=_groups(every, ports),
        candidates=_openers(process, waiting),
    )


def _openers(process: ProcessRecording, hung_up: Sequence[Descriptor]) -> tuple[Candidate, ...]:
    """The places in the source that open, and keep, what most of the descriptors are, or what is hung up on."""
    kinds = Counter(one.kind for one in hung_up or process.descriptors).most_common(1)
    shape = OPENED.get(kinds[0][0]) if kinds else None
    return tuple(one for one in process.candidates if one.shape == shape)


def _groups(descriptors: Iterable[Descriptor], ports: frozenset[int]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(_group(one, ports) for one in descriptors).most_common(MOST_GROUPS))


def _group(one: Descriptor, ports: frozenset[int]) -> str:
    if one.socket:
        return _socket_group(one.socket, ports)
    return f"files in {one.path.rpartition('/')[0] or '/'}" if one.kind == "file" else f"{one.kind}s"


def _socket_group(socket: Socket, ports: frozenset[int]) -> str:
    """Clients of a port of ours, or connections that were opened to one peer."""
    port = socket.local.rpartition(":")[2]
    if port.isdecimal() and int(port) in ports:
        return f"connections of clients to port {port}"
    return f"connections to {socket.remote}" if socket.remote else f"{socket.protocol} sockets"


def throttling(recording: Recording) -> Throttling | Missing:
    """What the cgroup's quota did, between the first and the last reading."""
    machine = recording.machine
    used = cpu_use(recording)
    if not isinstance(used, CpuUse):
        return used
    busiest = next(iter(used.threads), None)
    periods = Share(machine.throttled_periods or 0, machine.periods or 0) if machine.periods else NO_LOOKS
    return Throttling(
        quota_cores=machine.quota_cores,
        periods=periods,
        stopped_s=machine.throttled_s or 0.0,
        seconds=recording.seconds,
        cores=used.cores,
        site=busiest.site if busiest else None,
        pid=busiest.pid if busiest else None,
    )


def starvation(recording: Recording) -> Starvation | Missing:
    """Threads that stood in a run queue, the longest wait first."""
    used = cpu_use(recording)
    if not isinstance(used, CpuUse):
        return used
    machine = recording.machine
    threads = [
        Queuer(one.pid, one.name, one.cores, one.queue_wait_share, one.site)
        for one in used.threads
        if one.queue_wait_share is not None and one.cores + one.queue_wait_share >= LONELY_CORES
    ]
    others = None if machine.busy_cores is None else max(0.0, machine.busy_cores - used.cores)
    return Starvation(
        threads=tuple(sorted(threads, key=lambda one: one.waited, reverse=True)),
        cores=machine.cores,
        allowed_cores=used.allowed_cores,
        own_cores=used.cores,
        others_cores=others,
        steal_cores=machine.steal_cores,
        throttled=Share(machine.throttled_periods or 0, machine.periods or 0),
        neighbours=machine.neighbours,
    )


def memory_use(recording: Recording) -> MemoryUse | Missing:
    """Resident memory, faults and pressure."""
    if recording.seconds <= 0 or not recording.processes:
        return Missing("no time passed between the first and the last reading of the memory counters")
    machine = recording.machine
    largest = max(recording.processes, key=lambda one: one.rss_bytes)
    pressures = [one for one in (machine.cgroup_memory_pressure, machine.memory_pressure) if one is not None]
    return MemoryUse(
        rss_bytes=sum(one.rss_bytes for one in recording.processes),
        faults_per_s=sum(one.major_faults for one in recording.processes) / recording.seconds,
        limit_bytes=machine.memory_limit_bytes,
        total_bytes=machine.memory_bytes,
        available_bytes=machine.memory_available_bytes,
        swap_bytes=machine.swap_used_bytes,
        pressure=max(pressures, default=None),
        largest=largest.pid,
        largest_bytes=largest.rss_bytes,
    )
