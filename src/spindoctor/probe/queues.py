"""How many connections wait to be accepted, look after look; asked only where some waited when it was first asked.

Sources: tcp(7) and unix(7); the receive queue of a listening socket counts connections (Linux `net/ipv4/tcp_diag.c` and
`net/unix/diag.c`).
"""

from __future__ import annotations

from collections.abc import Iterable

from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import QueueLook
from spindoctor.probe.sockdiag import SocketDiagnosis
from spindoctor.probe.sockets import LISTEN, SocketTables, read_sockets

MOST_SOCKETS = 16
"""A service listens at a few addresses; with one socket for each worker there may be many, and a few tell enough."""


class QueueReader:
    """Follows the queues of a family's listening sockets; a context is not needed, `close` is."""

    def __init__(self) -> None:
        """Nothing is asked before the descriptors are known."""
        self._pids: dict[int, int] = {}
        self._sockets: dict[int, Socket] = {}
        self._diagnosis: SocketDiagnosis | None = None
        self.looks: list[QueueLook] = []

    def begin(self, at_s: float, tables: Iterable[tuple[int, tuple[Descriptor, ...]]]) -> None:
        """Make the first look, at the listening sockets among these descriptors (by pid), and keep those that queue."""
        listening = {
            one.inode: (pid, one.socket)
            for pid, descriptors in tables
            for one in descriptors
            if one.socket and one.socket.state == LISTEN
        }
        suspects = {
            inode: (pid, socket)
            for inode, (pid, socket) in listening.items()
            if socket.receive_queue_bytes or socket.protocol == "unix"  # the table of these shows no queue
        }
        self._pids = {inode: pid for inode, (pid, _) in suspects.items()}
        self._sockets = {inode: socket for inode, (_, socket) in list(suspects.items())[:MOST_SOCKETS]}
        self.look(at_s)
        queued = dict(self.looks[-1].waiting) if self.looks else {}
        self._sockets = {inode: socket for inode, socket in self._sockets.items() if queued.get(inode)}

    def look(self, at_s: float) -> None:
        """Ask for all of them; one that does not answer is left out of this look."""
        if not self._sockets:
            return
        if self._diagnosis is None:
            self._diagnosis = SocketDiagnosis()
        asked = {inode: self._diagnosis.ask(socket) for inode, socket in self._sockets.items()}
        told = {inode: state.queued for inode, state in asked.items() if state and state.queued is not None}
        told |= self._from_tables(asked.keys() - told.keys())
        self.looks.append(QueueLook(at_s, tuple(sorted(told.items()))))

    def _from_tables(self, inodes: Iterable[int]) -> dict[int, int]:
        """Those in another network namespace, or one of several sockets at one address."""
        tables = SocketTables()
        found: dict[int, int] = {}
        for inode in inodes:
            if self._sockets[inode].protocol != "unix":
                read = read_sockets(self._pids[inode], {inode}, tables)
                found.update({number: one.receive_queue_bytes for number, one in read.items()})
        return found

    def close(self) -> None:
        """Close the socket that asks."""
        if self._diagnosis is not None:
            self._diagnosis.close()
