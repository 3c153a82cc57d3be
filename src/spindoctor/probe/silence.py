"""How long ago each TCP connection sent and received its last data, as the kernel keeps it (struct tcp_info).

A connection that sent after it received has asked and got no answer yet; one that received last was answered, and
whoever reads from it waits for news. Sources: sock_diag(7), Linux `include/uapi/linux/{netlink,inet_diag,tcp}.h`.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from spindoctor.probe.proc import read_link
from spindoctor.probe.sockdiag import INET_DIAG_INFO
from spindoctor.probe.sockdump import INET, attributes, inode_of, list_tcp


class Silence(NamedTuple):
    """Seconds since data was sent, and since data was received; infinite where that never happened.

    `arrived` counts the segments with data that came in since the connection began (None: the kernel does not say).
    """

    sent_s: float
    received_s: float
    arrived: int | None = None


_AGES = struct.Struct("<I4xI")  # tcpi_last_data_sent, tcpi_last_ack_sent (never kept), tcpi_last_data_recv
_AGES_AT = 44
_BYTES_DONE = struct.Struct("<QQ")  # tcpi_bytes_acked, tcpi_bytes_received (Linux 4.1)
_BYTES_DONE_AT = 120
_ARRIVED = struct.Struct("<I")  # tcpi_data_segs_in (Linux 4.6)
_ARRIVED_AT = 152
_SYN = 1
"""What opens a connection counts as one byte."""


def read_silences(pid: int, wanted: Collection[int]) -> dict[int, Silence]:
    """The silence of the wanted sockets by inode; empty where the process has a network of its own, or on refusal.

    The kernel answers for our own network namespace alone, and walks through all of its connections for it.
    """
    if not wanted or read_link(f"/proc/{pid}/ns/net") != read_link("/proc/self/ns/net"):
        return {}
    found: dict[int, Silence] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            for message in list_tcp(family, 1 << (INET_DIAG_INFO - 1)):
                if inode_of(message) in wanted:
                    inode, silence = parse_message(message)
                    found |= {inode: silence} if silence else {}
    return found


def parse_message(message: bytes) -> tuple[int, Silence | None]:
    """The inode of one socket, and its silence where the kernel tells it."""
    inode = inode_of(message)
    if not inode:
        return 0, None
    info = dict(attributes(message[INET.size :])).get(INET_DIAG_INFO, b"")
    return inode, _silence(info) if len(info) >= _AGES_AT + _AGES.size else None


def _silence(info: bytes) -> Silence:
    sent_ms, received_ms = _AGES.unpack_from(info, _AGES_AT)
    sent_s, received_s = sent_ms / 1000, received_ms / 1000
    if len(info) < _BYTES_DONE_AT + _BYTES_DONE.size:
        return Silence(sent_s, received_s)
    acknowledged, received = _BYTES_DONE.unpack_from(info, _BYTES_DONE_AT)
    arrived = _ARRIVED.unpack_from(info, _ARRIVED_AT)[0] if len(info) >= _ARRIVED_AT + _ARRIVED.size else None
    return Silence(math.inf if acknowledged <= _SYN else sent_s, received_s if received else math.inf, arrived)
