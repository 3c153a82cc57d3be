"""Is anything taken from a descriptor that a selector gives back? The kernel's counters and queues tell it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spindoctor.model.watching import FAILED, READABLE, WRITABLE, Pulse

MIN_PULSES = 3
MIN_SPAN_S = 0.5
"""Half a second of a loop that turns ten thousand times a second."""

HUNG_UP = 0x10
"""EPOLLHUP: both directions are shut, which is never taken back."""

END_OF_STREAM = 1
"""The end of a stream counts as one byte of the sequence."""


@dataclass(frozen=True, slots=True)
class Use:
    """`unused` says why nothing was taken; None where something was (`is_used`) or where it is not known.

    `is_ready`: its state alone shows that a selector which is asked for it returns at once; `is_written` where that is
    for writing alone.
    """

    unused: str | None = None
    is_used: bool = False
    is_exact: bool = False
    is_ready: bool = False
    is_written: bool = False


UNKNOWN = Use()


def judge(pulses: Sequence[Pulse], mask: int) -> Use:
    """Whether anything was taken from (or for a mask of writing alone: put into) a descriptor, by its pulses."""
    if len(pulses) < MIN_PULSES or pulses[-1].at_s - pulses[0].at_s < MIN_SPAN_S:
        return UNKNOWN
    if len({(one.kind, one.inode) for one in pulses}) > 1:
        return Use(is_used=True)
    if not mask & (READABLE | FAILED):
        return _written(pulses, mask)
    read = _read(pulses, mask)
    if read.is_used or read.is_ready or not mask & WRITABLE:
        return read
    written = _written(pulses, WRITABLE)  # asked for both, a selector returns at once for either
    return replace(written, is_written=True) if written.is_ready else read


def _read(pulses: Sequence[Pulse], mask: int) -> Use:
    last = pulses[-1]
    if last.received is not None and pulses[0].received is not None:
        return _received(pulses, last.received - pulses[0].received)
    if last.state == "LISTEN":
        return _queued(pulses, "connections wait and were not accepted")
    if last.is_alone:
        return Use(
            f"it has no other end any more, so nothing will come (seen for {_span(pulses)})",
            is_exact=True,
            is_ready=True,
        )
    if mask & HUNG_UP and not mask & READABLE:
        return Use(f"it is hung up for good (seen for {_span(pulses)})", is_exact=True, is_ready=True)
    if last.queued is not None:
        return _queued(pulses, "bytes wait and were not read" if last.kind == "socket" else "waits and was not read")
    return _unread(pulses)


def _received(pulses: Sequence[Pulse], arrived: int) -> Use:
    """A connection: what arrived and waits no longer has been read."""
    first, last = pulses[0], pulses[-1]
    grown = (last.queued or 0) - (first.queued or 0)
    if arrived - grown > END_OF_STREAM:
        return Use(is_used=True, is_exact=True)
    hung_up = ", its other end has hung up" if last.state == "CLOSE_WAIT" else ""
    if last.queued:
        return Use(
            f"{last.queued} bytes wait{hung_up}, and none was read in {_span(pulses)}", is_exact=True, is_ready=True
        )
    return Use(f"no byte arrived in {_span(pulses)}{hung_up}", is_exact=True, is_ready=bool(hung_up))


def _queued(pulses: Sequence[Pulse], what: str) -> Use:
    counts = [one.queued or 0 for one in pulses]
    falls = any(two < one for one, two in itertools.pairwise(counts))
    if falls or not min(counts):
        return Use(is_used=True)
    return Use(f"{counts[-1]} {what} in {_span(pulses)}", is_ready=True)


def _unread(pulses: Sequence[Pulse]) -> Use:
    first, last = pulses[0].read_bytes, pulses[-1].read_bytes
    if first is None or last is None:
        return UNKNOWN
    return Use(f"the thread read no byte of anything in {_span(pulses)}") if first == last else UNKNOWN


def _written(pulses: Sequence[Pulse], mask: int) -> Use:
    if not mask & WRITABLE:
        return UNKNOWN
    first, last = pulses[0], pulses[-1]
    waits = any(one.unsent for one in pulses)
    if last.sent is not None and first.sent is not None:
        is_idle = last.sent == first.sent and not waits
        return (
            Use(f"nothing was sent in {_span(pulses)}", is_exact=True, is_ready=True) if is_idle else Use(is_used=True)
        )
    if last.unsent is not None:
        return Use(is_used=True) if waits else Use(f"nothing waited to be sent in {_span(pulses)}", is_ready=True)
    if first.written_bytes is None or first.written_bytes != last.written_bytes:
        return UNKNOWN
    return Use(f"the thread wrote no byte to anything in {_span(pulses)}")


def _span(pulses: Sequence[Pulse]) -> str:
    return f"{pulses[-1].at_s - pulses[0].at_s:.1f} s"
