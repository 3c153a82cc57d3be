"""Peers that requests wait for: who waits at which connection, and for how long it has been silent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spindoctor.evidence.work import Moment, Work, is_accepted
from spindoctor.model.conversations import Conversation
from spindoctor.model.locks import Party
from spindoctor.model.outcome import Culprit
from spindoctor.model.process import Socket
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.share import Share
from spindoctor.model.tasks import TaskLook
from spindoctor.model.waiting import PeerWait, PeerWaits

MOST_SITES = 4
WAITING = frozenset({"ESTABLISHED", "SYN_SENT"})
CONNECTING = "SYN_SENT"
DATAGRAMS = "whom it sent a datagram (UDP)"
"""The peer of a socket that has none: each datagram bears an address of its own, which the kernel does not keep."""

FIRST_CHOSEN_PORT = 32768
"""From here on the kernel chooses ports for those who send without having one (`ip_local_port_range`, ip-sysctl.rst);
who only receives has a port that others know."""

ANY_ADDRESS = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - as the kernel shows it; nothing is bound
"""The kernel chooses no address for such a socket."""

AT_ONCE_S = 0.5
"""What comes this soon after a request through TLS may be the handshake's own end, and is no answer."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """One request's wait at one connection."""

    party: Party
    culprit: Culprit
    socket: Socket
    age_s: float
    met_s: float
    asked: bool | None
    is_owed: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """What one process's connections say."""

    waits: tuple[_Wait, ...]
    requests: int
    refused: Counter[str]


def peer_waits(recording: Recording) -> PeerWaits | Missing:
    """Every peer that requests waited for when the connections were read, most waiters first."""
    looked = [one for one in recording.processes if one.task_looks and one.descriptors_at_s is not None]
    if not looked:
        return Missing("no connection could be joined to a thread or task")
    told = {one.pid: _of_process(one, recording.target.ports) for one in looked}
    peers = Counter(wait.socket.remote for one in told.values() for wait in one.waits)
    refused = sum((one.refused for one in told.values()), Counter[str]())
    found = [_peer(peer, looked, told) for peer, _ in peers.most_common()]
    return PeerWaits(
        peers=tuple(found),
        looks=sum(len(one.task_looks) for one in looked),
        requests=sum(one.requests for one in told.values()),
        for_clients=refused["client"],
        for_news=refused["news"],
        for_nobody=refused["nobody"],
    )


def _of_process(process: ProcessRecording, ports: tuple[int, ...]) -> _Told:
    at_s = process.descriptors_at_s or 0.0
    look = min(process.task_looks, key=lambda one: abs(one.at_s - at_s))
    moment = Moment.of(process, look, ports)
    work = Work(moment)
    waits, refused = [], Counter[str]()
    for talk in look.conversations:
        socket = moment.sockets.get(talk.waits_at) if talk.waits_at is not None else None
        socket = _with_peer(socket) if talk.party.tid else socket  # tasks may share one that serves all who send some
        if socket is None or not socket.remote or socket.state not in WAITING:
            continue
        is_new = work.is_young(talk.party) and not _is_udp(socket)  # which may as well wait for whoever sends some
        if is_accepted(socket, ports):
            refused["client"] += 1
        elif not (work.is_request(talk.party) or is_new):
            refused["nobody"] += 1
        else:
            culprit = replace(work.culprit(talk.party), route=work.route(talk.party))
            owed = work.is_owed(talk.party)
            met_s = _met_s(moment, talk, socket)
            age_s = max(met_s, _goes_on_s(moment, talk, socket))
            waits.append(_Wait(talk.party, culprit, socket, age_s, met_s, _asked(talk, socket), owed))
    asking = [wait for group in _groups(waits) for wait in _asking(group)]
    refused["news"] += len(waits) - len(asking)
    return _Told(tuple(asking), len(work.requests()), refused)


def _with_peer(socket: Socket | None) -> Socket | None:
    """The socket; one for datagrams that has sent some, and is connected to nobody, with words for whom it waits for.

    Who receives what others send of their own accord has asked nobody: no port was chosen for it as it sent.
    """
    if socket is None or not _is_udp(socket) or socket.state in WAITING:
        return socket
    host, _, port = socket.local.rpartition(":")
    has_sent = host in ANY_ADDRESS and int(port or 0) >= FIRST_CHOSEN_PORT
    return replace(socket, remote=DATAGRAMS, state="ESTABLISHED") if has_sent else socket


def _is_udp(socket: Socket) -> bool:
    return socket.protocol.startswith("udp")


def _groups(waits: Sequence[_Wait]) -> list[list[_Wait]]:
    """Waits at the same line for the same peer."""
    groups: dict[tuple[object, ...], list[_Wait]] = {}
    for wait in waits:
        groups.setdefault((wait.socket.remote, wait.culprit.file, wait.culprit.line), []).append(wait)
    return list(groups.values())


def _asking(group: Sequence[_Wait]) -> list[_Wait]:
    """Those who have asked and got no answer; the others wait for news.

    The kernel's clock for this ticks every few milliseconds. A connection that sent and received within one tick says
    nothing by itself: it is what most of its group are, and where none of them says, a wait whose client is owed.
    """
    asked = sum(wait.asked is True for wait in group)
    answered = sum(wait.asked is False for wait in group)
    if asked == answered == 0:
        return [wait for wait in group if wait.is_owed]
    return [wait for wait in group if wait.asked or (wait.asked is None and asked > answered)]


def _asked(talk: Conversation, socket: Socket) -> bool | None:
    """Whether data was sent after the last was received; None where both fell into one tick."""
    if socket.sent_ago_s is None or socket.received_ago_s is None or socket.state == CONNECTING:
        return True
    if math.isinf(socket.received_ago_s):
        return True
    after_s = socket.sent_ago_s - socket.received_ago_s
    if talk.is_encrypted and 0 <= after_s < AT_ONCE_S:
        return True
    return None if after_s == 0 else after_s < 0


def _met_s(moment: Moment, talk: Conversation, socket: Socket) -> float:
    """For how long it has waited, and goes on to the end of the look if it does."""
    if _has_sent(socket):
        return (socket.sent_ago_s or 0.0) + socket.stayed_s
    return max(0.0, moment.look.at_s - _since(moment, talk))


def _has_sent(socket: Socket) -> bool:
    return socket.sent_ago_s is not None and math.isfinite(socket.sent_ago_s) and socket.state != CONNECTING


def _since(moment: Moment, talk: Conversation) -> float:
    """When the wait began, as far as our looks show it."""
    if talk.party.task:
        return _task_since(moment, talk)
    since = moment.look.at_s
    for sample in reversed([one for one in moment.process.samples if one.at_s <= moment.look.at_s]):
        look = moment.by_thread.at(sample.at_s, talk.party.tid)
        if look is None:
            break
        since = sample.at_s
        if look.ran_ns:
            break
    return since


def _goes_on_s(moment: Moment, talk: Conversation, socket: Socket) -> float:
    """For how long it has waited when the thread was last seen to sleep on in this wait.

    Connections are read once; requests that began together are all met at the beginning of their waits, or at the end.
    """
    until = moment.look.at_s
    for sample in (one for one in moment.process.samples if one.at_s > moment.look.at_s):
        look = moment.by_thread.at(sample.at_s, talk.party.tid)
        if look is None or look.ran_ns:
            break
        until = sample.at_s
    before_s = (socket.sent_ago_s or 0.0) if _has_sent(socket) else moment.look.at_s - _since(moment, talk)
    return max(0.0, before_s) + until - moment.look.at_s


def _task_since(moment: Moment, talk: Conversation) -> float:
    chain = next((task.chain for task in moment.look.tasks if task.address == talk.party.task), ())
    since = moment.look.at_s
    for look in reversed([one for one in moment.process.task_looks if one.at_s <= moment.look.at_s]):
        same = any(task.address == talk.party.task and task.chain == chain for task in look.tasks)
        if not same or talk not in look.conversations:
            break
        since = look.at_s
    return since


def _peer(peer: str, looked: Sequence[ProcessRecording], told: dict[int, _Told]) -> PeerWait:
    waits = [wait for one in told.values() for wait in one.waits if wait.socket.remote == peer]
    pids = tuple(pid for pid, one in told.items() if any(wait.socket.remote == peer for wait in one.waits))
    among = [one for one in looked if one.pid in pids]
    return PeerWait(
        peer=peer,
        pids=pids,
        ages_s=tuple(sorted((round(wait.age_s, 3) for wait in waits), reverse=True)),
        requests=sum(told[pid].requests for pid in pids),
        seen=_seen(peer, among, len(waits)),
        sites=tuple(_sites(waits))[:MOST_SITES],
        is_lone=any(len(one.threads) == 1 and one.threads[0].loop is None for one in among),
        is_connecting=all(wait.socket.state == CONNECTING for wait in waits),
        is_kernels=any(wait.socket.sent_ago_s is not None for wait in waits),
        met_s=round(max(wait.met_s for wait in waits), 3),
    )


def _seen(peer: str, among: Sequence[ProcessRecording], count: int) -> Share:
    """The slow looks of the process that waits most in which at least half as many waited for this peer."""
    most = Share(0, 0)
    for process in among:
        sockets = ((one.fd, _with_peer(one.socket)) for one in process.descriptors)
        at_peer = {fd for fd, socket in sockets if socket and socket.remote == peer}
        counts = [_waiting_at(look, at_peer) for look in process.task_looks]
        needed = max(1.0, count / len(among) / 2)
        share = Share(sum(one >= needed for one in counts), len(counts))
        most = max(most, share, key=lambda one: one.low)
    return most


def _waiting_at(look: TaskLook, descriptors: set[int]) -> int:
    return sum(one.waits_at in descriptors for one in look.conversations)


def _sites(waits: Sequence[_Wait]) -> Iterator[Culprit]:
    """The lines at which most of them wait, one for each."""
    yield from (group[0].culprit for group in sorted(_groups(waits), key=len, reverse=True))
