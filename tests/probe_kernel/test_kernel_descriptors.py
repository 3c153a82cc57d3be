"""Descriptors, sockets and epolls: parsers on captured texts, kcmp on real forks."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_victims import AsNobody, Start

from spindoctor.errors import Forbidden, Gone
from spindoctor.model.process import Epoll, EpollEntry, Socket
from spindoctor.probe import sockets
from spindoctor.probe.descriptors import (
    find_socket_inodes,
    parse_descriptor,
    parse_epoll,
    parse_limit,
    read_descriptors,
    read_epolls,
)
from spindoctor.probe.kcmp import KcmpUnavailable, find_shared_epolls, is_same_file
from spindoctor.probe.sockdump import inode_of, list_tcp
from spindoctor.probe.sockets import SocketTables, listening_sockets, parse_inet, parse_unix, port_of

TCP = b"""  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 632 1 000000001c 100 0 0 10 0
   2: 0100007F:C63B 0100007F:CEAA 08 0000000F:00000001 00:00000000 00000000     0        0 24792 1 00000000 20 4 0 10 -1
   3: 0100007F:CEAA 0100007F:C63B 05 00000000:00000000 03:0000176F 00000000     0        0 0 3 00000000831e5c47
   4: short line
"""
TCP6 = b"""  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 \
00000000     0        0 19923 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:D0A2 01 00000000:00000000 00:00000000 \
00000000     0        0 19924 1 0000000000000000 100 0 0 10 0
"""
UNIX = b"""Num       RefCount Protocol Flags    Type St Inode Path
00000000f61e72b3: 00000003 00000000 00000000 0001 03   629
00000000bab6fb3c: 00000002 00000000 00010000 0001 01   628 /run/with blank.sock
"""
EPOLL = """pos:\t0
flags:\t02000002
mnt_id:\t17
ino:\t1038
tfd:        6 events:       1b data: 7f0000000006  pos:0 ino:60d3 sdev:9
tfd:        4 events:       19 data:                4  pos:0 ino:60d2 sdev:9
"""


def test_a_tcp_table_shows_addresses_states_and_queues_of_the_wanted_sockets() -> None:
    sockets = list(parse_inet(TCP, "tcp", {24792}))

    assert sockets == [Socket(24792, "tcp", "127.0.0.1:50747", "127.0.0.1:52906", "CLOSE_WAIT", 1, 15)]


def test_lines_that_are_too_short_are_passed_over() -> None:
    assert [one.state for one in parse_inet(TCP, "tcp")] == ["LISTEN", "CLOSE_WAIT", "FIN_WAIT2"]


def test_a_tcp6_table_shows_ipv6_and_mapped_addresses() -> None:
    listening, connected = parse_inet(TCP6, "tcp6")

    assert (listening.local, listening.state) == ("[::1]:8080", "LISTEN")
    assert (connected.local, connected.state) == ("[::ffff:127.0.0.1]:8080", "ESTABLISHED")


def test_a_unix_table_shows_paths_with_blanks_and_who_listens() -> None:
    nameless, listening = parse_unix(UNIX)

    assert (nameless.inode, nameless.local, nameless.state) == (629, "", "CONNECTED")
    assert (listening.inode, listening.local, listening.state) == (628, "/run/with blank.sock", "LISTEN")


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1:80", 80), ("[::1]:8080", 8080), ("/run/x", 0), ("", 0)])
def test_the_port_of_an_address(address: str, port: int) -> None:
    assert port_of(address) == port


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("socket:[27258]", ("socket", 27258)),
        ("pipe:[27259]", ("pipe", 27259)),
        ("anon_inode:[eventpoll]", ("epoll", 0)),
        ("anon_inode:[eventfd]", ("eventfd", 0)),
        ("anon_inode:inotify", ("inotify", 0)),
        ("anon_inode:[io_uring]", ("other", 0)),
        ("/var/log/socket:[7]", ("file", 0)),
        ("/memfd:x (deleted)", ("file", 0)),
        ("net:[4026531840]", ("other", 0)),
    ],
)
def test_the_link_tells_the_kind(link: str, expected: tuple[str, int]) -> None:
    assert parse_descriptor(link) == expected


def test_an_epolls_targets_come_by_number_with_hexadecimal_events_and_inode() -> None:
    assert parse_epoll(EPOLL) == (EpollEntry(4, 0x19, 0x60D2), EpollEntry(6, 0x1B, 0x60D3))


def test_the_soft_limit_counts() -> None:
    head = "Limit                     Soft Limit           Hard Limit           Units\n"

    assert parse_limit(head + "Max open files            1024                 20000                files\n") == 1024
    assert parse_limit(head + "Max open files            unlimited            unlimited            files\n") is None
    assert parse_limit(head) is None


def epoll(pid: int, fd: int, *targets: int) -> Epoll:
    return Epoll(pid, fd, tuple(EpollEntry(one, 1, one) for one in targets))


def test_epolls_with_the_same_targets_are_compared_first() -> None:
    compared = []

    def compare(one: Epoll, other: Epoll) -> bool:
        compared.append((one.pid, one.fd, other.pid, other.fd))
        return one.entries == other.entries

    shared = find_shared_epolls([epoll(1, 3, 7), epoll(1, 4, 8, 9), epoll(2, 5, 8, 9)], compare)

    assert [one.shared_with for one in shared] == [(), ((2, 5),), ((1, 4),)]
    assert compared[1:] == [(1, 4, 2, 5)]


def test_two_numbers_for_one_epoll_in_one_process_are_no_sharing() -> None:
    shared = find_shared_epolls([epoll(1, 3), epoll(1, 9)], lambda *_: True)

    assert [one.shared_with for one in shared] == [(), ()]


def test_too_many_pairs_are_said_and_not_left_out_silently() -> None:
    with pytest.raises(KcmpUnavailable, match="20000 pairs"):
        find_shared_epolls([epoll(pid, 3) for pid in range(300)], lambda *_: False)


@pytest.fixture
def forked() -> Iterator[tuple[int, select.epoll, select.epoll, socket.socket]]:
    """A child that shares one epoll with us, and has closed another one; both were made before the fork."""
    shared, closed = select.epoll(), select.epoll()
    server = socket.create_server(("127.0.0.1", 0))
    shared.register(server, select.EPOLLIN)
    ready, stop = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        closed.close()
        os.close(stop[1])
        own = select.epoll()
        os.write(ready[1], b"x" if own.fileno() else b"")
        os.read(stop[0], 1)  # ends with us: the pipe closes
        os._exit(0)
    os.read(ready[0], 1)
    yield child, shared, closed, server
    for fd in (*ready, *stop):
        os.close(fd)
    os.waitpid(child, 0)
    for one in (shared, closed, server):
        one.close()


Forked = tuple[int, select.epoll, select.epoll, socket.socket]


@pytest.mark.live
def test_an_epoll_made_before_a_fork_is_found_in_both_and_no_other(forked: Forked) -> None:
    child, shared, _, server = forked
    epolls = [
        one for pid in (os.getpid(), child) for one in read_epolls(pid, read_descriptors(pid).descriptors)
    ]  # the child's own epoll may have the number of our closed one

    found = {(one.pid, one.fd): one.shared_with for one in find_shared_epolls(epolls) if one.shared_with}

    number = shared.fileno()
    assert found == {(os.getpid(), number): ((child, number),), (child, number): ((os.getpid(), number),)}
    watched = next(one for one in epolls if (one.pid, one.fd) == (child, number)).entries
    assert [(one.fd, one.inode) for one in watched] == [(server.fileno(), os.fstat(server.fileno()).st_ino)]


@pytest.mark.live
def test_descriptors_that_are_gone_are_the_same_as_nothing(forked: Forked) -> None:
    child, shared, _, _ = forked

    assert is_same_file(os.getpid(), shared.fileno(), child, shared.fileno())
    assert not is_same_file(os.getpid(), shared.fileno(), child, 999)
    assert not is_same_file(os.getpid(), shared.fileno(), 4_194_305, 3)


@pytest.mark.live
def test_kcmp_across_users_is_said_to_be_unavailable(as_nobody: AsNobody) -> None:
    parent = os.getpid()

    def attempt() -> str:
        with pytest.raises(KcmpUnavailable) as refused:
            is_same_file(parent, 0, os.getpid(), 0)
        return str(refused.value)

    assert "CAP_SYS_PTRACE" in as_nobody(attempt)


SOCKETS = """
import os, resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
client.sendall(b"12345")
client.close()
poll = select.epoll()
pipes = os.pipe()
print(server.getsockname()[1], accepted.fileno(), flush=True)
sys.stdin.read()
"""


@pytest.mark.live
def test_sockets_come_with_state_queue_and_peer(start: Start) -> None:
    victim = start(SOCKETS)
    port, accepted = map(int, victim.words)

    table = read_descriptors(victim.pid)

    one = next(one for one in table.descriptors if one.fd == accepted)
    assert one.socket is not None
    assert (one.kind, one.socket.state, one.socket.local) == ("socket", "CLOSE_WAIT", f"127.0.0.1:{port}")
    assert one.socket.receive_queue_bytes in {5, 6}  # the peer's end counts as one
    assert table.limit == 300
    assert table.total == len(table.descriptors)
    assert dict(table.kinds)["epoll"] == 1
    assert port in listening_sockets(victim.pid).values()
    assert one.inode in find_socket_inodes(victim.pid)


@pytest.mark.live
@pytest.mark.parametrize("is_listed", [True, False], ids=["listed by the kernel", "tables"])
def test_socket_tables_are_read_once_for_several_processes(
    start: Start, monkeypatch: pytest.MonkeyPatch, *, is_listed: bool
) -> None:
    victims = [start(SOCKETS), start(SOCKETS)]
    asked: list[str] = []
    read, ask = sockets.try_bytes, sockets.list_tcp

    def listed(family: int) -> Iterator[bytes]:
        asked.append("list")
        return ask(family) if is_listed else refused(family)

    monkeypatch.setattr(sockets, "try_bytes", lambda path: asked.append(path.rpartition("/")[2]) or read(path))  # type: ignore[func-returns-value]
    monkeypatch.setattr(sockets, "list_tcp", listed)
    tables = SocketTables()
    first, second = (read_descriptors(victim.pid, tables=tables) for victim in victims)

    assert asked == (["unix", "list"] if is_listed else ["unix", "list", "tcp"])
    for table, victim in zip((first, second), victims, strict=True):
        assert {one.socket.local for one in table.descriptors if one.socket} == {f"127.0.0.1:{victim.words[0]}"}


def refused(_family: int) -> Iterator[bytes]:
    """A kernel without socket diagnosis, or a sandbox that does not let us ask."""
    raise PermissionError(13, "socket diagnosis was refused")


@pytest.mark.live
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["tcp", "tcp6"])
def test_what_the_kernel_lists_is_what_its_table_says(family: int) -> None:
    host, protocol = ("127.0.0.1", "tcp") if family == socket.AF_INET else ("::1", "tcp6")
    server = socket.create_server((host, 0), family=family)
    client = socket.create_connection(server.getsockname()[:2])
    accepted, _ = server.accept()
    waiting = socket.create_connection(server.getsockname()[:2])
    client.sendall(b"12345")
    inodes = {os.fstat(one.fileno()).st_ino for one in (server, client, accepted, waiting)}
    with server, client, accepted, waiting:
        text = {one.inode: one for one in parse_inet(Path(f"/proc/self/net/{protocol}").read_bytes(), protocol, inodes)}
        tables = SocketTables()
        listed = {one.inode: one for one in tables.sockets(os.getpid(), protocol, inodes)}
        listening = {one.inode: one for one in tables.sockets(os.getpid(), protocol) if one.inode in inodes}

    assert listed == text
    assert len(listed) == len(inodes)
    assert [one.receive_queue_bytes for one in listening.values()] == [1]
    assert {one.receive_queue_bytes for one in listed.values()} == {0, 1, 5}


@pytest.mark.live
def test_connections_that_nobody_has_any_more_are_not_listed() -> None:
    """Whoever closes first is left with one in TIME_WAIT; the table has it, without an inode."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        accepted.close()
        assert client.recv(1) == b""
    table = parse_inet(Path("/proc/self/net/tcp").read_bytes(), "tcp")

    assert {one.state for one in table if one.local == f"127.0.0.1:{port}"} == {"TIME_WAIT"}
    mine = [message for message in list_tcp(socket.AF_INET) if port.to_bytes(2, "big") in message[4:8]]
    assert 0 not in map(inode_of, mine)


@pytest.mark.live
def test_more_descriptors_than_wanted_are_counted_and_cut(start: Start) -> None:
    victim = start(SOCKETS)
    whole = read_descriptors(victim.pid)

    cut = read_descriptors(victim.pid, most=3)

    assert cut.is_cut
    assert not whole.is_cut
    assert (cut.total, len(cut.descriptors)) == (whole.total, 3)


@pytest.mark.live
def test_descriptors_of_nobody_and_of_other_users_are_told_apart(start: Start, as_nobody: AsNobody) -> None:
    victim, parent = start(SOCKETS), os.getpid()

    def attempt() -> str:
        with pytest.raises(Forbidden) as refused:
            read_descriptors(parent)
        return f"{refused.value.problem} {find_socket_inodes(parent)}"

    victim.end()
    with pytest.raises(Gone):
        read_descriptors(victim.pid)
    assert as_nobody(attempt) == f"The kernel does not let us read the descriptors of process {parent}. set()"
