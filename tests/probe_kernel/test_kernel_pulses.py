"""A connection that was reset is in none of the kernel's tables, and whoever is asked for it returns at once."""

from __future__ import annotations

import os
import socket
import struct

from spindoctor.model.watching import Poll
from spindoctor.probe.pulses import PulseWatch

ABORT = struct.pack("ii", 1, 0)
"""`struct linger`: closing sends a reset (socket(7))."""


def states(connection: socket.socket) -> set[tuple[str, bool | None]]:
    """What three pulses a second apart say of a connection."""
    watch = PulseWatch(os.getpid())
    try:
        watch.note(1, Poll(5.0, asked=((connection.fileno(), 1),)))
        for at_s in (1.0, 2.0, 3.0):
            watch.follow(at_s, 1)
    finally:
        watch.close()
    return {(one.state, one.is_alone) for one in watch.pulses}


def test_a_connection_that_was_reset_has_no_other_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        accepted.close()
        with connection:
            assert states(connection) == {("CLOSE", True)}


def test_a_connection_that_stands_has_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        with connection, accepted:
            assert {state for state, is_alone in states(connection) if not is_alone} == {"ESTABLISHED"}
