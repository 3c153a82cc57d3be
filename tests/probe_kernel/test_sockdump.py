"""The list of TCP sockets, from messages made by hand: how it ends, and what is no socket in it."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from spindoctor.probe import sockdump
from spindoctor.probe.sockdump import HEAD, INET, NLMSG_DONE, NLMSG_ERROR, SOCK_DIAG_BY_FAMILY, list_tcp

NOOP = 1
SOCKET = INET.pack(socket.AF_INET, 10, 0, 0, bytes(48), 0, 0, 0, 0, 77)


def message(kind: int, body: bytes = b"") -> bytes:
    return HEAD.pack(HEAD.size + len(body), kind, 0, 1, 0) + body


class Kernel:
    """Answers with these datagrams, one after the other."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, data: bytes) -> int:
        self.asked.append(data)
        return len(data)

    def recv(self, _size: int) -> bytes:
        return self.answers.pop(0)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    mine = Kernel()

    @contextmanager
    def opened(*_how: int) -> Iterator[Kernel]:
        yield mine

    monkeypatch.setattr(sockdump.socket, "socket", opened)
    return mine


def test_sockets_come_in_several_datagrams_up_to_the_end(kernel: Kernel) -> None:
    kernel.answers = [
        message(SOCK_DIAG_BY_FAMILY, SOCKET) * 2,
        message(SOCK_DIAG_BY_FAMILY, SOCKET),
        message(NLMSG_DONE),
    ]

    assert list(list_tcp(socket.AF_INET)) == [SOCKET] * 3
    assert len(kernel.asked) == 1


def test_connections_in_time_wait_are_not_asked_for(kernel: Kernel) -> None:
    kernel.answers = [message(NLMSG_DONE)]
    list(list_tcp(socket.AF_INET))

    states = struct.unpack_from("=I", kernel.asked[0], HEAD.size + 4)[0]
    assert (states >> sockdump.TIME_WAIT & 1, states >> 1 & 1, states >> 10 & 1) == (0, 1, 1)


@pytest.mark.parametrize("kind", [NLMSG_DONE, NLMSG_ERROR])
def test_a_list_that_the_kernel_does_not_finish_is_refused_and_not_empty(kernel: Kernel, kind: int) -> None:
    """Without a module for TCP's sockets the kernel says so in the message that ends the list."""
    kernel.answers = [message(SOCK_DIAG_BY_FAMILY, SOCKET) + message(kind, struct.pack("=i", -errno.ENOENT))]

    with pytest.raises(FileNotFoundError):
        list(list_tcp(socket.AF_INET))


def test_what_is_no_socket_or_is_cut_is_left_out(kernel: Kernel) -> None:
    cut = message(SOCK_DIAG_BY_FAMILY, SOCKET[:20])
    kernel.answers = [message(NOOP) + cut + message(SOCK_DIAG_BY_FAMILY, SOCKET) + message(NLMSG_DONE)]

    assert list(list_tcp(socket.AF_INET)) == [SOCKET]
