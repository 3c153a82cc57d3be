"""Requests wait for one peer that does not answer.

## What we saw
Several requests at once, at the same line, had asked the same server over connections that had been silent since: the
question was sent, nothing has come back for a second and more.

## Why it hurts
The service has nothing to do and is slow all the same: it cannot answer before that server does. Whatever the requests
hold meanwhile (threads, connections, locks) is missing for others.

## What to do
Look at the server that is named: its own load, its locks, the network between. Here, give the call a timeout and say
what happens when it passes, keep its slow calls apart from others, and ask for several things at once where they do
not depend on each other.

## False alarms
Who waits for clients (long polls, websockets) is not counted: those connections were accepted, not opened. Nor is who
waits for news from a peer that has answered (subscriptions), who receives datagrams at a port that was chosen
beforehand (a feed), or who asks for no request: consumers of queues, monitor threads of drivers. A question that is
*meant* to take long, such as a long poll of another server for each request, is reported: that it is meant so cannot be
seen. Where the peer answers all the same within five seconds, and others are served meanwhile, it is information and no
fault.

## Missed alarms
Waits of less than a second. Several peers behind one name, each with few waiters. Connections of libraries that talk to
the network in threads or memory of their own, and Unix sockets. Where the service has a network of its own, how long a
peer has been silent is only known from our own looks.
"""

from __future__ import annotations

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.waiting import PeerWait, PeerWaits

MIN_LOOKS = 4
"""Fewer slow looks cannot tell a wait from a moment."""

LATE_S = 1.0
"""A second is where a user's flow of thought breaks (Nielsen 1993, Usability Engineering, chapter 5)."""

MIN_LATE = 2
"""One request that waits long is a slow request; two at the same peer point to the peer."""

MIN_PART = 0.2
"""Of all requests in progress: of a service a fifth of whose requests wait for a second somebody will ask."""

MIN_SEEN = 0.4
"""In about half of the slow looks: six of eight are at least 41 %."""

STACKS = "stacks, await chains, /proc/PID/fd"
"""Where the waits are read."""

SEVERE_PART = 0.5
"""Half of all requests."""

LONG_S = 5.0
"""From here on callers give up: five seconds is a common default of HTTP clients, and few have less."""


def check(waits: PeerWaits) -> Outcome:
    """Found for each peer for which requests wait long."""
    if waits.looks < MIN_LOOKS:
        return Unsure(f"{waits.looks} looks at who waits; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [_finding(one) for one in waits.peers if _is_slow(one)]
    return Found(tuple(findings)) if findings else Clear(_looked_at(waits))


def _late(wait: PeerWait) -> int:
    return sum(age_s >= LATE_S for age_s in wait.ages_s)


def _is_slow(wait: PeerWait) -> bool:
    late = _late(wait)
    enough = late >= MIN_LATE or (late > 0 and wait.is_lone)
    return enough and late >= MIN_PART * wait.requests and wait.seen.low >= MIN_SEEN


def _looked_at(waits: PeerWaits) -> str:
    told = [f"{len(one.ages_s)} waited for {one.peer}, at most {one.ages_s[0]:.2f} s" for one in waits.peers[:3]]
    peers = ", ".join(told) or "none waited for a peer"
    return (
        f"of {waits.requests} requests in progress {peers}; other waits at connections: {waits.for_clients} for "
        f"clients, {waits.for_news} for news, {waits.for_nobody} for no request"
    )


def _severity(wait: PeerWait, of: int) -> Severity:
    """A peer that answers in a few seconds is told as information: whether that is its pace by right cannot be seen."""
    met_s = wait.ages_s[0] if wait.met_s is None else wait.met_s  # a question that takes five seconds was answered then
    if not (wait.is_connecting or wait.is_lone or met_s >= LONG_S):
        return "info"
    return "critical" if _late(wait) >= SEVERE_PART * of else "warning"


def _finding(wait: PeerWait) -> Finding:
    late, longest_s = _late(wait), wait.ages_s[0]
    of = max(wait.requests, len(wait.ages_s))
    site = wait.sites[0] if wait.sites else Culprit(pid=wait.pids[0])
    where = f" at {site.function}:{site.line}" if site.function else ""
    does = "take the connection" if wait.is_connecting else "answer"
    source = "tcp_info" if wait.is_kernels else "our looks"
    return Finding(
        claim=f"{len(wait.ages_s)} of {of} requests wait for {wait.peer} to {does}{where}, for up to {longest_s:.1f} s",
        severity=_severity(wait, of),
        confidence="high" if wait.is_kernels and late >= MIN_LATE else "medium",
        cost=Cost(waiting=late, delay_s=longest_s),
        culprit=site,
        culprits=wait.sites[1:],
        evidence=(
            Figure("waiting", f"requests that wait for {wait.peer}", len(wait.ages_s), "requests", STACKS),
            Figure("late", f"of them for {LATE_S:.0f} s and more", late, "requests", source),
            Figure("longest", "longest silence of the peer", round(longest_s, 2), "s", source),
            Figure("requests", "requests in progress", of, "requests", "tasks, threads"),
            Figure("seen", "slow looks that found at least half as many waiting", str(wait.seen), "", STACKS),
        ),
        against=() if wait.is_kernels else ("the silence was seen for no longer than we looked",),
        fix=(
            f"Find out why {wait.peer} does not {does}: its load, its locks, the network between.",
            "Give the call a timeout, and say what happens when it passes.",
        ),
        now=("A restart here changes nothing: the next requests will wait for the same peer.",),
        explains="requests that take seconds while this service has nothing to do",
        would_change=f"a look in which {wait.peer} answers within a second",
    )


RULE = Rule(
    slug="slow-downstream",
    title="Requests wait for a peer",
    needs=(PeerWaits,),
    check=check,
    page=__doc__,
)
