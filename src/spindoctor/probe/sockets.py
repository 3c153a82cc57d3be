"""The kernel's tables of sockets: `/proc/PID/net/{tcp,tcp6,udp,udp6,unix}` of the process's network namespace.

Sources: proc_pid_net(5), sock_diag(7); states from Linux `include/net/tcp_states.h` and `include/uapi/linux/net.h`.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Collection, Iterator

from spindoctor.model.process import Socket
from spindoctor.probe.proc import read_link, try_bytes
from spindoctor.probe.sockdump import INET, inode_of, list_tcp

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

_FAMILIES: dict[str, int] = {"tcp": socket.AF_INET, "tcp6": socket.AF_INET6}
_ENDS = struct.Struct("!HH16s16s")
"""The beginning of `struct inet_diag_sockid`: both ports, then both addresses, in the network's order."""

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
    return _shown(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed, int(port, 16))


def _shown(family: int, packed: bytes, port: int) -> str:
    host = socket.inet_ntop(family, packed)
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


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
    24 GiB, however few sockets there are; and a text of it has a line for each connection in TIME_WAIT, which nobody
    has any more. Of our own network namespace the kernel gives the TCP ones without those.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._texts: dict[tuple[str, str], bytes] = {}
        self._listed: dict[str, dict[int, bytes] | None] = {}

    def sockets(self, pid: int, protocol: str, wanted: Collection[int] | None = None) -> Iterator[Socket]:
        """The wanted ones of a process's network namespace by inode; None: all of TCP's that listen."""
        listed = self._list(pid, protocol) if protocol in _FAMILIES else None
        if listed is None:
            yield from self._of_text(pid, protocol, wanted)
            return
        inodes = listed.keys() if wanted is None else listed.keys() & set(wanted)
        told = ((inode, listed[inode]) for inode in inodes)
        yield from (_listed_socket(one, inode, protocol) for inode, one in told if wanted is not None or _listens(one))

    def read(self, pid: int, protocol: str) -> bytes:
        """The table of a process's network namespace; empty where it cannot be read (no IPv6, process has ended)."""
        place = (_network(pid), protocol)
        if place not in self._texts:
            self._texts[place] = try_bytes(f"/proc/{pid}/net/{protocol}")
        return self._texts[place]

    def _of_text(self, pid: int, protocol: str, wanted: Collection[int] | None) -> Iterator[Socket]:
        text = self.read(pid, protocol)
        if protocol == "unix":
            return parse_unix(text, wanted)
        if wanted is None:
            text = b"\n".join((b"", *(line for line in text.splitlines()[1:] if b" 0A " in line)))
        return parse_inet(text, protocol, wanted)

    def _list(self, pid: int, protocol: str) -> dict[int, bytes] | None:
        """Messages by inode; None where the process has another network than we have, or the kernel does not say."""
        if _network(pid) != _network("self"):
            return None
        if protocol not in self._listed:
            try:
                self._listed[protocol] = {inode_of(one): one for one in list_tcp(_FAMILIES[protocol])}
            except OSError:
                self._listed[protocol] = None
        return self._listed[protocol]


def _network(pid: int | str) -> str:
    return read_link(f"/proc/{pid}/ns/net") or str(pid)


def _listens(message: bytes) -> bool:
    state: int = INET.unpack_from(message)[1]
    return state == TCP_STATES.index(LISTEN)


def _listed_socket(message: bytes, inode: int, protocol: str) -> Socket:
    family, state, _, _, ends, _, receiving, sending, _, _ = INET.unpack_from(message)
    here, there, local, remote = _ENDS.unpack_from(ends)
    size = 16 if family == socket.AF_INET6 else 4
    return Socket(
        inode=inode,
        protocol=protocol,
        local=_shown(family, local[:size], here),
        remote=_shown(family, remote[:size], there),
        state=TCP_STATES[state] if state < len(TCP_STATES) else "UNKNOWN",
        receive_queue_bytes=receiving,
        send_queue_bytes=0 if _listens(message) else sending,  # there it is how many may wait to be accepted
    )


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
        found.update((one.inode, one) for one in tables.sockets(pid, protocol, missing) if one.inode)
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
    listening = (one for protocol in _FAMILIES for one in tables.sockets(pid, protocol) if is_listening_tcp(one))
    return {one.inode: port_of(one.local) for one in listening}
