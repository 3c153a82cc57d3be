"""How long a connection has been silent: the messages of the kernel, and a real connection."""

from __future__ import annotations

import math
import os
import socket
import struct

from spindoctor.probe.silence import parse_message, read_silences
from spindoctor.probe.sockdump import inode_of, parse_messages


def message(inode: int, sent_ms: int, received_ms: int, done: tuple[int, int] = (9, 9), more: bytes = b"") -> bytes:
    """A socket as the kernel tells of it: the fixed part, another attribute, then tcp_info."""
    fixed = bytes(68) + struct.pack("<I", inode)
    info = bytes(44) + struct.pack("<III", sent_ms, 0, received_ms) + bytes(64) + struct.pack("<QQ", *done) + more
    other = struct.pack("<HH", 5, 8) + bytes(4)
    return fixed + other + struct.pack("<HH", len(info) + 4, 2) + info


def test_both_directions_come_in_seconds() -> None:
    assert parse_message(message(77, 4200, 9000)) == (77, (4.2, 9.0, None))


def test_a_direction_in_which_nothing_ever_went_is_silent_for_ever() -> None:
    """What opens a connection counts as one acknowledged byte."""
    assert parse_message(message(77, 4200, 9000, done=(1, 0))) == (77, (math.inf, math.inf, None))


def test_segments_that_brought_data_are_counted_where_the_kernel_keeps_them() -> None:
    """tcp_info since Linux 4.6: four words lie between the bytes received and their segments."""
    assert parse_message(message(77, 1, 2, more=struct.pack("<IIIII", 5, 6, 0, 1, 42))) == (77, (0.001, 0.002, 42))


def test_a_socket_without_figures_and_a_cut_message_tell_nothing() -> None:
    assert parse_message(message(77, 1, 2)[:72]) == (77, None)
    assert parse_message(b"short") == (0, None)


def test_of_a_socket_that_nobody_asks_about_only_the_inode_is_read() -> None:
    assert inode_of(message(77, 1, 2)) == 77
    assert inode_of(message(77, 1, 2)[:72]) == 77
    assert inode_of(b"short") == 0


def test_a_datagram_of_two_messages_is_taken_apart() -> None:
    """The second one is padded to four bytes; a length below that of a head ends it."""
    one = struct.pack("<IHHII", 20, 20, 0, 1, 0) + b"abcd"
    two = struct.pack("<IHHII", 17, 3, 0, 1, 0) + b"e\0\0\0"

    found = list(parse_messages(one + two + bytes(16)))

    assert found == [(20, b"abcd"), (3, b"e")]


def test_a_real_connection_shows_who_sent_last() -> None:
    """One end has just sent: its data went out no later than the other end's, which sent nothing, was ever taken."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"?")
        inode = os.fstat(client.fileno()).st_ino

        found = read_silences(os.getpid(), {inode})

    assert found == {} or found[inode][1] == math.inf
