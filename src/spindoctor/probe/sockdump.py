"""All TCP sockets of our own network namespace, as the kernel's socket diagnosis lists them, without those long gone.

A busy client or server leaves tens of thousands of connections in TIME_WAIT, which no process has any more. The tables
under /proc list each of them, 4 KiB a call: half a second for 40,000. Asked here, the kernel leaves them out.
Sources: sock_diag(7), Linux `include/uapi/linux/{netlink,inet_diag}.h`, `net/ipv4/inet_diag.c`.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_ALL = 0x301
"""NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH."""

NLMSG_ERROR, NLMSG_DONE = 2, 3
ALL_STATES = 0xFFFFFFFF
TIME_WAIT = 6
OWNED = ALL_STATES & ~(1 << TIME_WAIT)
"""What a process may have a descriptor of."""

HEAD = struct.Struct("=IHHII")
"""`struct nlmsghdr`: length, type, flags, sequence, port."""

INET = struct.Struct("=BBBB48sIIIII")
"""`struct inet_diag_msg`; its last member is the socket's inode, and attributes follow."""

_INODE = struct.Struct("=I")
_REQUEST = struct.Struct("=BBBxI48x")
"""`struct inet_diag_req_v2`: family, protocol, extensions, states, an empty id."""

_BYTES = 1 << 16
_PATIENCE_S = 0.5


def list_tcp(family: int, extensions: int = 0) -> Iterator[bytes]:
    """A message for each TCP socket of this family (AF_INET, AF_INET6): an `inet_diag_msg` and its attributes.

    OSError where the kernel refuses or does not answer.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_PATIENCE_S)
        body = _REQUEST.pack(family, socket.IPPROTO_TCP, extensions, OWNED)
        kernel.send(HEAD.pack(HEAD.size + len(body), SOCK_DIAG_BY_FAMILY, REQUEST_ALL, 1, 0) + body)
        while True:
            for kind, message in parse_messages(kernel.recv(_BYTES)):
                if kind in {NLMSG_DONE, NLMSG_ERROR}:
                    if code := _error_of(message):
                        raise OSError(code, "socket diagnosis was refused")
                    return
                if kind == SOCK_DIAG_BY_FAMILY and len(message) >= INET.size:
                    yield message


def _error_of(message: bytes) -> int:
    """An error begins with its number, negative, and so does the end of a list that the kernel did not finish."""
    return -int.from_bytes(message[:4], sys.byteorder, signed=True)


def parse_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The kinds and bodies of the netlink messages in one datagram."""
    at = 0
    while at + HEAD.size <= len(data):
        length, kind = HEAD.unpack_from(data, at)[:2]
        if length < HEAD.size:
            return
        yield kind, data[at + HEAD.size : at + length]
        at += length + 3 & ~3


def inode_of(message: bytes) -> int:
    """The inode of the socket that a message is about; 0 where it is cut."""
    inode: int = _INODE.unpack_from(message, INET.size - _INODE.size)[0] if len(message) >= INET.size else 0
    return inode


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each netlink attribute; each begins at a multiple of four bytes."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:  # noqa: PLR2004 - the attribute's own head: nothing sensible follows
            return
        yield kind, data[at + 4 : at + length]
        at += (length + 3) & ~3
