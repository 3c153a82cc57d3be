"""Peers: which waits at connections are requests that wait for an answer; worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from recordings import PID, library, one_process, recording, task, task_looks, thread_samples, user

from spindoctor.evidence.peers import peer_waits
from spindoctor.model.conversations import Conversation
from spindoctor.model.locks import Party
from spindoctor.model.process import Descriptor, Socket
from spindoctor.model.recording import Recording
from spindoctor.model.routes import Route
from spindoctor.model.rule import Missing
from spindoctor.model.sample import SystemCall, ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.waiting import PeerWaits

ASK = user("parcel", 20)
PEER = "10.0.0.9:9000"
GET = Route("GET", "/parcel")


def opened(fd: int, sent_s: float | None, received_s: float | None, state: str = "ESTABLISHED") -> Descriptor:
    """A connection that the service opened to its peer."""
    inet = Socket(fd, "tcp", f"10.0.0.1:4{fd:04}", PEER, state, sent_ago_s=sent_s, received_ago_s=received_s)
    return Descriptor(fd, "socket", fd, f"socket:[{fd}]", inet)


def accepted(fd: int, sent_s: float = 9.0, received_s: float = 1.0) -> Descriptor:
    """A connection of a client to port 8080, on which the client sent last unless said otherwise."""
    inet = Socket(fd, "tcp", "10.0.0.1:8080", "10.0.0.7:5", "ESTABLISHED", 0, 0, sent_s, received_s)
    return Descriptor(fd, "socket", fd, f"socket:[{fd}]", inet)


def at(address: int, fd: int, **more: Any) -> Conversation:  # noqa: ANN401 - whatever a conversation says
    return Conversation(Party(task=address), waits_at=fd, **more)


def told(seen: Recording) -> PeerWaits:
    found = peer_waits(seen)
    assert isinstance(found, PeerWaits)
    return found


def of(talks: list[Conversation], descriptors: list[Descriptor], looks: int = 4, **more: Any) -> Recording:  # noqa: ANN401
    """Every task of these conversations works for a request and stands at one line in all looks."""
    tasks = tuple(task(one.party.task or 0, library("read"), ASK, route=more.get("route", GET)) for one in talks)
    one_look = {"tasks": tasks, "conversations": tuple(talks)}
    return recording(
        one_process(task_looks=task_looks(*[one_look] * looks), descriptors=tuple(descriptors), descriptors_at_s=0.5)
    )


def test_requests_that_asked_and_got_nothing_wait_for_the_peer() -> None:
    """Two asked 4 s and 2 s ago; the last data from the peer came before that."""
    found = told(of([at(1, 5), at(2, 6)], [opened(5, 4.0, 9.0), opened(6, 2.0, 2.5)]))

    peer = found.peers[0]
    assert (peer.peer, peer.ages_s, peer.requests, peer.seen) == (PEER, (4.0, 2.0), 2, Share(4, 4))
    assert (peer.sites[0].function, peer.sites[0].line, peer.sites[0].route) == ("parcel", 20, "GET /parcel")


def test_a_wait_goes_on_for_as_long_as_the_connection_stays_silent() -> None:
    """Both asked 0.2 s before the connections were read; over one of them nothing went in the 1.4 s after that."""
    silent, talks = opened(5, 0.2, 9.0), opened(6, 0.2, 2.5)
    assert silent.socket
    silent = replace(silent, socket=replace(silent.socket, stayed_s=1.4))

    found = told(of([at(1, 5), at(2, 6)], [silent, talks]))

    assert found.peers[0].ages_s == (1.6, 0.2)


def test_a_thread_s_wait_goes_on_until_it_is_seen_to_have_run() -> None:
    """Both asked 0.2 s before 0.5 s; the one slept on for three looks of ten milliseconds, the other ran after one."""
    threads = [Conversation(Party(tid=tid), waits_at=fd) for tid, fd in ((7, 5), (8, 6))]
    slept = {tid: ThreadLook(tid, (library("recv"), ASK), call=SystemCall("recvfrom", (tid,))) for tid in (7, 8)}
    looks = [(slept[7], slept[8])] * 52 + [(slept[7], replace(slept[8], ran_ns=9)), (slept[7], slept[8])]
    process = one_process(
        task_looks=task_looks(*[{"conversations": tuple(threads)}] * 4),
        descriptors=(opened(5, 0.2, 9.0), opened(6, 0.2, 2.5)),
        descriptors_at_s=0.5,
        samples=thread_samples(*looks),
        routes=((ASK, GET),),
    )

    found = told(recording(process))

    assert (found.peers[0].ages_s, found.peers[0].met_s) == ((0.23, 0.21), 0.2)


def test_a_thread_that_has_sent_nothing_yet_waits_on_as_well() -> None:
    """Its peer speaks first: it slept from the first look to the last of 54, and nothing was sent."""
    slept = ThreadLook(7, (library("recv"), ASK), call=SystemCall("recvfrom", (7,)))
    process = one_process(
        task_looks=task_looks(*[{"conversations": (Conversation(Party(tid=7), waits_at=5),)}] * 4),
        descriptors=(opened(5, math.inf, math.inf),),
        descriptors_at_s=0.5,
        samples=thread_samples(*[(slept,)] * 54),
        routes=((ASK, GET),),
    )

    assert told(recording(process)).peers[0].ages_s == (0.53,)


def test_a_peer_that_answered_last_is_waited_for_for_news() -> None:
    found = told(of([at(1, 5), at(2, 6)], [opened(5, 4.0, 3.9), opened(6, 9.0, 0.1)]))

    assert (found.peers, found.for_news) == ((), 2)


def test_a_connection_whose_clock_says_nothing_is_what_most_at_its_line_are() -> None:
    """Sent and received within one tick of the kernel's clock; beside two that asked, and beside two with news."""
    asked = told(of([at(1, 5), at(2, 6), at(3, 7)], [opened(5, 4.0, 9.0), opened(6, 2.0, 2.5), opened(7, 3.0, 3.0)]))
    news = told(of([at(1, 5), at(2, 6), at(3, 7)], [opened(5, 4.0, 3.0), opened(6, 2.0, 1.5), opened(7, 3.0, 3.0)]))

    assert (asked.peers[0].ages_s, news.for_news) == ((4.0, 3.0, 2.0), 3)


def test_where_no_clock_says_anything_a_client_who_is_owed_an_answer_does() -> None:
    """One client sent last; the other has been sent something since, as in a stream of events."""
    talks = [at(1, 5, serves=20), at(2, 6, serves=21)]
    sockets = [opened(5, 3.0, 3.0), opened(6, 3.0, 3.0), accepted(20), accepted(21, sent_s=0.5, received_s=3.0)]

    found = told(of(talks, sockets))

    assert (found.peers[0].ages_s, found.for_news) == ((3.0,), 1)


def test_a_handshake_that_ends_after_the_question_is_no_answer() -> None:
    found = told(of([at(1, 5, is_encrypted=True)], [opened(5, 4.0, 3.8)]))

    assert found.peers[0].ages_s == (4.0,)


def test_who_waits_for_its_client_waits_for_no_peer_and_is_no_request_in_progress() -> None:
    found = told(of([at(1, 20, serves=20)], [accepted(20)], route=None))

    assert (found.peers, found.for_clients, found.requests) == ((), 1, 0)


def test_a_consumer_that_works_for_no_request_is_not_counted() -> None:
    """The same task from the first look to the last, for no route and no client."""
    found = told(of([at(1, 5), at(2, 6)], [opened(5, 4.0, 9.0), opened(6, 2.0, 2.5)], route=None))

    assert (found.peers, found.for_nobody) == ((), 2)


def test_what_was_begun_during_the_look_counts_as_a_request() -> None:
    """The second task is not there in the first look."""
    first = {"tasks": (task(1, library("read"), ASK),), "conversations": (at(1, 5),)}
    both = {"tasks": (*first["tasks"], task(2, library("read"), ASK)), "conversations": (at(1, 5), at(2, 6))}
    seen = one_process(
        task_looks=task_looks(first, both, both, both),
        descriptors=(opened(5, 4.0, 9.0), opened(6, 2.0, 2.5)),
        descriptors_at_s=0.5,
    )

    found = told(recording(seen))

    assert (found.peers[0].ages_s, found.for_nobody) == ((2.0,), 1)


def test_a_task_inside_another_works_for_its_request() -> None:
    inner = task(2, library("read"), ASK, awaited_by=(1,))
    outer = task(1, ASK, route=GET)
    look = {"tasks": (inner, outer), "conversations": (at(2, 5),)}
    seen = one_process(task_looks=task_looks(*[look] * 4), descriptors=(opened(5, 4.0, 9.0),), descriptors_at_s=0.5)

    found = told(recording(seen))

    assert (found.peers[0].ages_s, found.requests) == ((4.0,), 1)


def test_a_thread_that_has_not_run_shows_how_long_it_waits_where_the_kernel_does_not() -> None:
    """It ran in the first look and not since: 0.02 s; its frames are known to work for a request."""
    stack = (library("recv"), ASK)
    waits = ThreadLook(7, stack, call=SystemCall("recvfrom", (5,)))
    ran = ThreadLook(7, stack, ran_ns=1000, call=SystemCall("recvfrom", (5,)))
    talk = Conversation(Party(tid=7), waits_at=5)
    seen = one_process(
        samples=thread_samples([ran], [waits], [waits]),
        task_looks=task_looks({}, {"conversations": (talk,)}),
        descriptors=(opened(5, None, None),),
        descriptors_at_s=0.25,
        routes=((ASK, GET),),
    )

    peer = told(recording(seen)).peers[0]

    assert (peer.is_kernels, peer.requests) == (False, 1)
    assert abs(peer.ages_s[0] - 0.25) < 1e-9


def test_without_connections_nothing_is_said() -> None:
    assert isinstance(peer_waits(recording(one_process(PID))), Missing)


def datagrams(
    serves: int | None, local: str = "0.0.0.0:47110", remote: str = "0.0.0.0:0", *, is_young: bool = False
) -> PeerWaits:
    """A thread asleep in recv(2) on a UDP socket, through all looks or since the middle of them."""
    state = "CLOSE" if remote.endswith(":0") else "ESTABLISHED"
    sockets = (Descriptor(5, "socket", 5, "socket:[5]", Socket(5, "udp", local, remote, state)), accepted(6))
    reading = [ThreadLook(7, (library("recv"), ASK), call=SystemCall("recvfrom", (5,)))]
    looks = task_looks(*[{"conversations": (Conversation(Party(tid=7), waits_at=5, serves=serves),)}] * 9)
    samples = thread_samples(*[[] if is_young else reading] * 10, *[reading] * 190)
    process = one_process(samples=samples, task_looks=looks, descriptors=sockets)
    return told(recording(replace(process, descriptors_at_s=0.5)))


def test_a_request_that_sent_a_datagram_waits_for_an_answer_although_its_socket_has_no_peer() -> None:
    """The kernel calls such a socket closed. One that no request waits at may be a server's, and tasks may share it."""
    socket = Socket(5, "udp", "0.0.0.0:47110", "0.0.0.0:0", "CLOSE")
    sockets = [Descriptor(5, "socket", 5, "socket:[5]", socket), accepted(6)]

    found, for_nobody, of_a_task = datagrams(6), datagrams(None), told(of([at(1, 5)], sockets))

    assert (found.peers[0].peer, found.peers[0].sites[0].line) == ("whom it sent a datagram (UDP)", 20)
    assert (for_nobody.peers, for_nobody.for_nobody) == ((), 1)
    assert (of_a_task.peers, of_a_task.for_nobody) == ((), 0)


@pytest.mark.parametrize(
    "local", ["0.0.0.0:5353", "127.0.0.1:47110", "[::]:0"], ids=["a port", "an address", "unbound"]
)
def test_a_request_that_receives_what_is_sent_to_a_known_port_has_asked_nobody(local: str) -> None:
    """A feed by multicast: the port was chosen beforehand, so nothing shows that the socket ever sent."""
    assert datagrams(6, local).peers == ()


def test_a_request_at_a_connected_socket_for_datagrams_waits_for_its_peer() -> None:
    assert [one.peer for one in datagrams(6, "10.0.0.1:47110", "10.0.0.9:53").peers] == ["10.0.0.9:53"]


def test_a_thread_that_has_just_begun_to_receive_datagrams_works_for_nobody_that_shows() -> None:
    """A listener's thread, started a moment ago; over TCP the connection itself would show that it asked."""
    found = datagrams(None, "10.0.0.1:47110", "10.0.0.9:53", is_young=True)

    assert (found.peers, found.for_nobody) == ((), 1)
