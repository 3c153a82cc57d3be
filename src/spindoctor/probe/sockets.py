"""The kernel's tables of sockets: `/proc/PID/net/{tcp,tcp6,udp,udp6,unix}` of the process's network namespace.

Sources: proc_pid_net(5); states from Linux `include/net/tcp_states.h` and `include/uapi/linux/net.h`.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Collection, Iterator

from spindoctor.model.process import Socket
from spindoctor.probe.proc import read_link, try_bytes

TCP_STATES = (
    "UNKNOWN",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
)
LISTEN = "LISTEN"

_UNIX_STATES = ("FREE", "UNCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING")
_UNIX_ACCEPTS = 1 << 16  # __SO_ACCEPTCON: the socket listens
_INET_INODE_FIELD = 9
_UNIX_FIELDS = 7
_HOST_ORDER = "<" if sys.byteorder == "little" else ">"


def parse_inet(data: bytes, protocol: str, wanted: Collection[int] | None = None) -> Iterator[Socket]:
    """Parse a tcp, tcp6, udp or udp6 table; only sockets whose inode is wanted, all where None is given.

    For a listening socket the receive queue counts connections that wait for accept, otherwise it counts bytes.
    """
    for line in data.splitlines()[1:]:
        fields = line.split(None, _INET_INODE_FIELD + 1)
        if len(fields) <= _INET_INODE_FIELD:
            continue
        inode = int(fields[_INET_INODE_FIELD])
        if wanted is None or inode in wanted:
            yield _inet_socket(fields, inode, protocol)


def _inet_socket(fields: list[bytes], inode: int, protocol: str) -> Socket:
    sending, _, receiving = fields[4].partition(b":")
    state = int(fields[3], 16)
    return Socket(
        inode=inode,
        protocol=protocol,
        local=_address(fields[1].decode()),
        remote=_address(fields[2].decode()),
        state=TCP_STATES[state] if state < len(TCP_STATES) else "UNKNOWN",
        receive_queue_bytes=int(receiving, 16),
        send_queue_bytes=int(sending, 16),
    )


def _address(text: str) -> str:
    """`0100007F:1F90` -> "127.0.0.1:8080": 32-bit words in the host's byte order, the port as a plain number."""
    host, _, port = text.partition(":")
    words = [int(host[at : at + 8], 16) for at in range(0, len(host), 8)]
    packed = struct.pack(f"{_HOST_ORDER}{len(words)}I", *words)
    if len(words) == 1:
        return f"{socket.inet_ntop(socket.AF_INET, packed)}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]:{int(port, 16)}"


def parse_unix(data: bytes, wanted: Collection[int] | None = None) -> Iterator[Socket]:
    """Parse a unix table; only sockets whose inode is wanted. The kernel does not show their peers here."""
    for line in data.splitlines()[1:]:
        fields = line.split(None, _UNIX_FIELDS)
        if len(fields) < _UNIX_FIELDS:
            continue
        inode = int(fields[6])
        if wanted is None or inode in wanted:
            yield _unix_socket(fields, inode)


def _unix_socket(fields: list[bytes], inode: int) -> Socket:
    state = int(fields[5], 16)
    listens = bool(int(fields[3], 16) & _UNIX_ACCEPTS)
    known = _UNIX_STATES[state] if state < len(_UNIX_STATES) else "UNKNOWN"
    path = fields[_UNIX_FIELDS].decode("utf-8", "replace") if len(fields) > _UNIX_FIELDS else ""
    return Socket(inode, "unix", local=path, remote="", state=LISTEN if listens else known)


class SocketTables:
    """The kernel's tables as they were when they were first asked for, read once for each network namespace.

    Reading one walks through the kernel's whole hash table, about 3 ms on a machine of 8 GiB and 14 ms on one of
    24 GiB, however few sockets there are.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._texts: dict[tuple[str, str], bytes] = {}

    def read(self, pid: int, protocol: str) -> bytes:
        """The table of a process's network namespace; empty where it cannot be read (no IPv6, process has ended)."""
        place = (read_link(f"/proc/{pid}/ns/net") or str(pid), protocol)
        if place not in self._texts:
            self._texts[place] = try_bytes(f"/proc/{pid}/net/{protocol}")
        return self._texts[place]


def read_sockets(pid: int, wanted: Collection[int], tables: SocketTables | None = None) -> dict[int, Socket]:
    """The wanted ones among the sockets of a process's network namespace, by inode.

    Tables are read in the order of their cost, until all are found.
    """
    tables = tables or SocketTables()
    missing = set(wanted)
    found: dict[int, Socket] = {}
    for protocol in ("unix", "tcp", "tcp6", "udp", "udp6"):
        if not missing:
            break
        text = tables.read(pid, protocol)
        sockets = parse_unix(text, missing) if protocol == "unix" else parse_inet(text, protocol, missing)
        found.update((one.inode, one) for one in sockets if one.inode)
        missing -= found.keys()
    return found


def port_of(address: str) -> int:
    """The port of a "host:port"; 0 where there is none."""
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def is_listening_tcp(one: Socket) -> bool:
    """Whether a TCP socket takes connections."""
    return one.state == LISTEN and one.protocol.startswith("tcp")


def listening_sockets(pid: int, tables: SocketTables | None = None) -> dict[int, int]:
    """The TCP sockets that listen in a process's network namespace, by inode, with their ports; of whatever process."""
    tables = tables or SocketTables()
    found = {}
    for protocol in ("tcp", "tcp6"):
        lines = tables.read(pid, protocol).splitlines()[1:]
        listening = (line for line in lines if b" 0A " in line)
        table = b"\n".join((b"", *listening))
        found.update({one.inode: port_of(one.local) for one in parse_inet(table, protocol) if is_listening_tcp(one)})
    return found
