"""How many connections wait to be accepted, look after look: a queue that is empty at one moment may be full in most.

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
"""Asking for one takes some 20 us. A service listens at a few addresses; with one socket for each worker there may be
many, and a few tell enough."""


class QueueReader:
    """Follows the queues of a family's listening sockets; a context is not needed, `close` is."""

    def __init__(self) -> None:
        """Nothing is asked before the descriptors are known."""
        self._pids: dict[int, int] = {}
        self._sockets: dict[int, Socket] = {}
        self._diagnosis: SocketDiagnosis | None = None
        self._direct: set[int] = set()
        self.looks: list[QueueLook] = []

    def begin(self, at_s: float, tables: Iterable[tuple[int, tuple[Descriptor, ...]]]) -> None:
        """Make the first look, at the listening sockets among these descriptors (by pid): those that queue first.

        Where only the tables tell, which hold every connection, those with an empty queue are not asked again.
        """
        listening = {
            one.inode: (pid, one.socket)
            for pid, descriptors in tables
            for one in descriptors
            if one.socket and one.socket.state == LISTEN
        }
        ranked = sorted(listening.items(), key=lambda item: item[1][1].receive_queue_bytes, reverse=True)
        self._pids = {inode: pid for inode, (pid, _) in ranked}
        self._sockets = {inode: socket for inode, (_, socket) in ranked[:MOST_SOCKETS]}
        self.look(at_s)
        queued = dict(self.looks[-1].waiting) if self.looks else {}
        kept = {inode for inode in self._sockets if queued.get(inode) or inode in self._direct}
        self._sockets = {inode: socket for inode, socket in self._sockets.items() if inode in kept}

    def look(self, at_s: float) -> None:
        """Ask for all of them; one that does not answer is left out of this look."""
        if not self._sockets:
            return
        if self._diagnosis is None:
            self._diagnosis = SocketDiagnosis()
        asked = {inode: self._diagnosis.ask(socket) for inode, socket in self._sockets.items()}
        told = {inode: state.queued for inode, state in asked.items() if state and state.queued is not None}
        self._direct.update(told)
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
