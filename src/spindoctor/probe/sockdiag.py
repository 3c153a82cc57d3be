"""Single sockets as the kernel's socket diagnosis shows them: queues, counters, whether there is another end.

Read-only questions by netlink, 30 us each, about sockets in our own network namespace. Sources: sock_diag(7), Linux
`include/uapi/linux/{inet_diag,unix_diag,tcp}.h`.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from spindoctor.model.process import Socket
from spindoctor.probe.sockdump import ALL_STATES, HEAD, INET, NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, attributes
from spindoctor.probe.sockets import TCP_STATES

NLM_F_REQUEST = 1
ANY_COOKIE = 0xFFFFFFFF
INET_DIAG_INFO = 2
UNIX_SHOW_PEER, UNIX_SHOW_QUEUES = 4, 16
UNIX_PEER, UNIX_QUEUES, UNIX_SHUTDOWN = 2, 4, 6
NOTHING_COMES = 1
"""RCV_SHUTDOWN: the other end has been closed, or has said that it sends no more (include/net/sock.h)."""

BYTES_ACKED, BYTES_RECEIVED = 120, 128
"""Places in `struct tcp_info`; both counters are there since Linux 4.1."""

PATIENCE_S = 0.05
_UNIX = struct.Struct("=BBBBIII")


@dataclass(frozen=True, slots=True)
class SocketState:
    """One socket now; see `Pulse` for what the figures mean."""

    state: str
    queued: int | None = None
    unsent: int | None = None
    received: int | None = None
    sent: int | None = None
    is_alone: bool | None = None


class SocketDiagnosis:
    """Asks the kernel about sockets; every question is answered by None where it gives no answer."""

    def __init__(self) -> None:
        """Open the netlink socket; without one (another kernel, a sandbox) nothing is ever known."""
        self._netlink: socket.socket | None = None
        try:
            self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
            self._netlink.settimeout(PATIENCE_S)
        except OSError:
            return

    def close(self) -> None:
        """Close it."""
        if self._netlink is not None:
            self._netlink.close()

    def ask(self, one: Socket) -> SocketState | None:
        """The state of this TCP or Unix socket now; None for others and where the kernel does not say."""
        request = _question(one)
        if self._netlink is None or request is None:
            return None
        message = HEAD.pack(HEAD.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + request
        try:
            self._netlink.send(message)
            answer = self._netlink.recv(1 << 14)
            return _parse(answer, one.inode)
        except (OSError, struct.error):
            return None


def _question(one: Socket) -> bytes | None:
    if one.protocol == "unix":
        show = UNIX_SHOW_PEER | UNIX_SHOW_QUEUES
        cookie = (ANY_COOKIE, ANY_COOKIE)
        return struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, ALL_STATES, one.inode, show, *cookie)
    if not one.protocol.startswith("tcp"):
        return None
    family = socket.AF_INET6 if one.protocol == "tcp6" else socket.AF_INET
    (here, local), (there, remote) = _address(one.local, family), _address(one.remote, family)
    ends = struct.pack("!HH16s16s", here, there, local, remote) + struct.pack("=III", 0, ANY_COOKIE, ANY_COOKIE)
    return struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0, ALL_STATES) + ends


def _address(text: str, family: int) -> tuple[int, bytes]:
    """Port and packed address of "127.0.0.1:80" or "[::1]:80"."""
    host, _, port = text.rpartition(":")
    return int(port), socket.inet_pton(family, host.strip("[]"))


def _parse(answer: bytes, inode: int) -> SocketState | None:
    _, kind, _, _, _ = HEAD.unpack_from(answer)
    body = answer[HEAD.size :]
    if kind != SOCK_DIAG_BY_FAMILY:
        return None
    return _parse_unix(body, inode) if body[0] == socket.AF_UNIX else _parse_inet(body, inode)


def _parse_inet(body: bytes, inode: int) -> SocketState | None:
    _, state, _, _, _, _, queued, unsent, _, found = INET.unpack_from(body)
    if found != inode:
        return None
    info = dict(attributes(body[INET.size :])).get(INET_DIAG_INFO, b"")
    name = TCP_STATES[state] if state < len(TCP_STATES) else "UNKNOWN"
    if len(info) < BYTES_RECEIVED + 8 or name == "LISTEN":
        return SocketState(name, queued, unsent)
    sent, received = struct.unpack_from("=QQ", info, BYTES_ACKED)
    return SocketState(name, queued, unsent, received, sent)


def _parse_unix(body: bytes, inode: int) -> SocketState | None:
    found = _UNIX.unpack_from(body)[4]
    if found != inode:
        return None
    told = dict(attributes(body[_UNIX.size :]))
    queues = told.get(UNIX_QUEUES)
    queued, unsent = struct.unpack_from("=II", queues) if queues else (None, None)
    is_shut = bool(told.get(UNIX_SHUTDOWN, b"\0")[0] & NOTHING_COMES)
    return SocketState("", queued, unsent, is_alone=is_shut or UNIX_PEER not in told)
