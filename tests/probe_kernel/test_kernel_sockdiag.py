"""The kernel's socket diagnosis, asked about sockets of our own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from spindoctor.model.process import Socket
from spindoctor.probe.pulses import find_holders
from spindoctor.probe.sockdiag import SocketDiagnosis, SocketState
from spindoctor.probe.sockets import read_sockets


@pytest.fixture
def diagnosis() -> Iterator[SocketDiagnosis]:
    found = SocketDiagnosis()
    yield found
    found.close()


def known(one: socket.socket) -> Socket:
    inode = os.fstat(one.fileno()).st_ino
    return read_sockets(os.getpid(), {inode})[inode]


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_connection_shows_what_arrived_and_what_waits(
    diagnosis: SocketDiagnosis, family: socket.AddressFamily, host: str
) -> None:
    with socket.create_server((host, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        here, _ = server.accept()
        client.sendall(b"seven b")
        here.recv(3)
        state = diagnosis.ask(known(here))
        client.close()
        here.close()

    assert state == SocketState("ESTABLISHED", queued=4, unsent=0, received=7, sent=0)


def test_a_listening_socket_shows_its_backlog(diagnosis: SocketDiagnosis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        state = diagnosis.ask(known(server))

    assert state == SocketState("LISTEN", queued=1, unsent=state.unsent if state else None)


def test_a_unix_socket_shows_its_queue_and_whether_anybody_is_at_the_other_end(diagnosis: SocketDiagnosis) -> None:
    here, there = socket.socketpair()
    with here:
        there.sendall(b"four")
        before = diagnosis.ask(known(here))
        there.close()
        after = diagnosis.ask(known(here))

    assert before is not None
    assert after is not None
    assert (before.queued, before.is_alone) == (4, False)
    assert (after.queued, after.is_alone) == (4, True)


def test_a_socket_that_is_gone_or_of_another_kind_has_no_answer(diagnosis: SocketDiagnosis) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        asked = [diagnosis.ask(known(datagrams)), diagnosis.ask(Socket(1, "unix", "", "", "CONNECTED"))]

    assert asked == [None, None]


def test_who_can_write_to_a_pipe_is_found() -> None:
    read_end, write_end = os.pipe()
    link = f"pipe:[{os.fstat(read_end).st_ino}]"
    both, _ = find_holders({link})
    os.close(write_end)
    reader, _ = find_holders({link})
    os.close(read_end)

    assert sorted(can_write for pid, can_write in both[link] if pid == os.getpid()) == [False, True]
    assert [can_write for pid, can_write in reader[link] if pid == os.getpid()] == [False]
