"""How much comes in from outside: a loop that is awake although next to nothing does, is awake for itself."""

from __future__ import annotations

from collections import Counter

from spindoctor.model.process import Descriptor
from spindoctor.model.recording import ProcessRecording, Recording

MIN_SPAN_S = 0.5
"""Over a shorter time a few segments look like many, or none."""

SEGMENTS_OF_NEW = 2
"""What a connection brings that comes and goes between two readings: a question, and the rest of a long one."""


def arrivals_per_s(recording: Recording, process: ProcessRecording) -> float | None:
    """Segments with data that came in a second; None where something may come that nobody counts."""
    opened = recording.machine.opened_connects
    span_s = recording.seconds - (process.descriptors_at_s or recording.seconds)
    if opened is None or span_s < MIN_SPAN_S or not _is_counted(process):
        return None
    arrived = sum(one.socket.arrived or 0 for one in process.descriptors if one.socket)
    return arrived / span_s + SEGMENTS_OF_NEW * opened / recording.seconds


def _is_counted(process: ProcessRecording) -> bool:
    """Whether all that this process watches is TCP, with counters, or its own way to wake itself."""
    watched = {entry.inode for one in process.epolls for entry in one.entries}
    held = Counter(one.inode for one in process.descriptors)
    return all(_tells(one, held) for one in process.descriptors if one.inode in watched)


def _tells(one: Descriptor, held: Counter[int]) -> bool:
    """Whether what comes in here is counted, or comes from this process, which has both ends of a pipe or of a pair.

    The two ends of a pair of sockets are made together, and their inodes are neighbours.
    """
    if one.socket is None:
        return one.kind not in {"pipe", "inotify", "other"} or (one.kind == "pipe" and held[one.inode] > 1)
    if one.socket.protocol == "unix":
        is_pair = bool(held[one.inode - 1] or held[one.inode + 1])
        return is_pair and not one.socket.local and not one.socket.remote
    is_tcp = one.socket.protocol.startswith("tcp")
    return is_tcp and (one.socket.state != "ESTABLISHED" or one.socket.arrived is not None)
