"""What is known of the descriptors of a process, with how long its connections have been silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from spindoctor.model.process import Socket
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.descriptors import DescriptorTable
from spindoctor.probe.silence import Silence, read_silences

BOTH_READINGS_S = 0.05
"""The kernel keeps these times in ticks of up to 10 ms; both readings take a moment."""


def waits_elsewhere(looks: Sequence[TaskLook], table: DescriptorTable) -> bool:
    """Whether most of those who wait at a descriptor in the last look wait at one that this table does not have."""
    known = {one.fd for one in table.descriptors}
    talks = looks[-1].conversations if looks else ()
    waits = [one.waits_at for one in talks if one.waits_at is not None]
    return 2 * sum(fd not in known for fd in waits) > len(waits)


def with_silences(pid: int, table: DescriptorTable) -> DescriptorTable:
    """The descriptors, with how long each TCP connection has been silent."""

    def first(socket: Socket, told: Silence) -> Socket:
        return replace(socket, sent_ago_s=told.sent_s, received_ago_s=told.received_s, arrived=told.arrived)

    return _told(pid, table, first)


def with_stays(pid: int, table: DescriptorTable, passed_s: float) -> DescriptorTable:
    """The descriptors, with what has come in at each connection since, or for how long nothing went over it."""

    def later(socket: Socket, told: Silence) -> Socket:
        ages = zip((socket.sent_ago_s, socket.received_ago_s), told[:2], strict=True)
        stays = all(old is not None and new >= old + passed_s - BOTH_READINGS_S for old, new in ages)
        arrived = None if socket.arrived is None or told.arrived is None else told.arrived - socket.arrived
        return replace(socket, stayed_s=passed_s if stays else 0.0, arrived=arrived)

    return _told(pid, table, later)


def _told(pid: int, table: DescriptorTable, tell: Callable[[Socket, Silence], Socket]) -> DescriptorTable:
    """The descriptors, each TCP connection with what the kernel tells of it now."""
    connections = {one.inode for one in table.descriptors if one.socket and one.socket.protocol.startswith("tcp")}
    silences = read_silences(pid, connections)
    joined = (
        replace(one, socket=tell(one.socket, told)) if one.socket and (told := silences.get(one.inode)) else one
        for one in table.descriptors
    )
    return replace(table, descriptors=tuple(joined))
