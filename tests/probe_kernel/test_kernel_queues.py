"""Queues of listening sockets, read from the kernel while connections wait in them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from spindoctor.probe import queues
from spindoctor.probe.descriptors import read_descriptors
from spindoctor.probe.queues import QueueReader


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(ends: ExitStack, waiting: int) -> socket.socket:
    server = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=8))
    for _ in range(waiting):
        ends.enter_context(socket.create_connection(server.getsockname()))
    return server


def inode(server: socket.socket) -> int:
    return os.fstat(server.fileno()).st_ino


def begun(ends: ExitStack, *servers: socket.socket) -> QueueReader:
    reader = ends.enter_context(closing(QueueReader()))
    mine = {inode(server) for server in servers}
    own = tuple(one for one in read_descriptors(os.getpid()).descriptors if one.inode in mine)
    reader.begin(1.5, [(os.getpid(), own)])
    return reader


def test_connections_that_wait_are_counted_look_after_look(ends: ExitStack) -> None:
    """Two wait, then one has been accepted."""
    server = listen(ends, waiting=2)
    reader = begun(ends, server)
    ends.enter_context(server.accept()[0])

    reader.look(1.7)

    assert [(one.at_s, one.waiting) for one in reader.looks] == [
        (1.5, ((inode(server), 2),)),
        (1.7, ((inode(server), 1),)),
    ]


def test_a_queue_that_was_empty_at_first_is_asked_again(ends: ExitStack) -> None:
    server = listen(ends, waiting=0)
    reader = begun(ends, server)
    ends.enter_context(socket.create_connection(server.getsockname()))

    reader.look(1.7)

    assert [one.waiting for one in reader.looks] == [((inode(server), 0),), ((inode(server), 1),)]


def test_an_empty_queue_that_only_the_tables_tell_of_is_not_asked_again(
    ends: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues.SocketDiagnosis, "ask", lambda _self, _one: None)
    reader = begun(ends, listen(ends, waiting=0))

    reader.look(1.7)

    assert [one.at_s for one in reader.looks] == [1.5]


def test_a_unix_socket_tells_too(ends: ExitStack, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "shop")  # noqa: PTH118 - a socket's address is a text
    server = ends.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(path)
    server.listen()
    ends.enter_context(socket.socket(socket.AF_UNIX)).connect(path)

    reader = begun(ends, server)

    assert [one.waiting for one in reader.looks] == [((inode(server), 1),)]


def test_without_an_answer_the_tables_are_read(ends: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in another network namespace."""
    server = listen(ends, waiting=3)
    monkeypatch.setattr(queues.SocketDiagnosis, "ask", lambda _self, _one: None)

    reader = begun(ends, server)

    assert [one.waiting for one in reader.looks] == [((inode(server), 3),)]
