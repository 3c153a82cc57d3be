"""Processes share one epoll instance that was made before the fork.

## What we saw
Two or more processes of this family hold descriptors of *the same* epoll instance: the event loop was created, and
then the process forked. Each of them adds its connections to the one epoll, and each of them is woken for all.

## Why it hurts
A process that is woken for a connection it does not have can do nothing about it: while the owner is busy and leaves
the event unread, the sibling is woken again at once and burns a whole core, although it has no request. Events can also
reach the wrong process and be lost, so that requests hang. Where the interpreter gives a forked child a loop of its own
(from Python 3.12 on), nobody waits in the old epoll any more: the listening socket is in it, and no connection is ever
accepted. Where the parent goes on with the old one, it serves alone, and the child does nothing for ever.

## What to do
Fork first, make the event loop afterwards. In Tornado: `bind_sockets`, then `fork_processes`, then `add_sockets` in
each child (never `listen` before `start(n)`); elsewhere let a process manager start the workers. And do not block in
handlers: the spin lasts as long as the owner leaves its event unread.

## False alarms
Children that inherit an epoll and never use it (a pre-fork worker of a task queue) are not reported: at least two
processes must run a loop on it, or the child runs a loop without any task, timer, socket or further thread.

## Missed alarms
Without permission for kcmp(2) shared epolls cannot be proved.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.counting import count
from spindoctor.model.facts import SharedEpoll, SharedEpolls
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome
from spindoctor.model.rule import Rule

SPIN_CORES = 0.3
"""A sibling that is woken without end gets a whole core, or its part of one on a busy machine."""

MIN_USERS = 2
"""One process alone on an epoll shares it with nobody."""

FIX = (
    "Make the event loop after the fork: bind the sockets, fork, then create the loop and add the sockets in each "
    "child (Tornado: bind_sockets, fork_processes, add_sockets).",
    "Do not block in handlers: a spin lasts as long as the owner of a connection leaves its event unread.",
)


def check(epolls: SharedEpolls) -> Outcome:
    """Found for each epoll instance on which two processes run a loop."""
    used = [_finding(one) for one in epolls.shared if len(one.users) >= MIN_USERS]
    findings = used + [_deaf(one) for one in epolls.shared if one.unserved and not one.users]
    findings += [_idle(one) for one in epolls.shared if one.idle_heirs and one.users]
    if findings:
        return Found(tuple(findings))
    inherited = f", {len(epolls.shared)} inherited but not used" if epolls.shared else ""
    return Clear(
        f"{count(epolls.epolls, 'epoll')} of {count(epolls.processes, 'process', 'processes')} compared: none is used "
        f"by two{inherited}"
    )


def _finding(one: SharedEpoll) -> Finding:
    spins = one.spinner_cores >= SPIN_CORES and one.owner is not None
    return Finding(
        claim=_claim(one, spins=spins),
        severity="critical" if spins else "warning",
        confidence="high",
        cost=Cost(cores=one.spinner_cores if spins else 0.0, loop_share=1.0 if spins else 0.0),
        culprit=_culprit(one, spins=spins),
        culprits=_culprits(one),
        evidence=_evidence(one),
        against=() if spins else ("none of the processes is spinning at the moment",),
        fix=FIX,
        now=("The spin ends when the process that owns the connection reads or closes it.",) if spins else (),
        explains="the core burned by a process that has no request"
        if spins
        else "requests that can hang or be served late",
        would_change="kcmp saying that the descriptors are different open files",
    )


def _deaf(one: SharedEpoll) -> Finding:
    """Newer interpreters give a forked child a loop of its own: then nobody waits in the epoll with the socket."""
    pids = " and ".join(str(pid) for pid, _ in one.members)
    return Finding(
        claim=f"processes {pids} hold one epoll instance, made before the fork, that alone has the listening socket "
        f"{', '.join(one.unserved)}; their event loops wait elsewhere, nobody accepts, {one.backlog} connections wait",
        severity="critical",
        confidence="high",
        cost=Cost(loop_share=1.0, waiting=one.backlog),
        culprit=_culprit(one, spins=False),
        culprits=tuple(Culprit(pid=pid, note="holds the epoll and does not wait in it") for pid, _ in one.members[1:]),
        evidence=(
            Figure("shared_epoll", "descriptors that are one and the same epoll", _members(one), "", "kcmp(2)"),
            Figure("users", "processes that run a loop on it", 0, "processes", "loop objects and system calls"),
            Figure("unserved", "addresses that only it has", ", ".join(one.unserved), "", "/proc/PID/fdinfo"),
            Figure("backlog", "connections that wait to be accepted", one.backlog, "connections", "/proc/PID/net/tcp"),
        ),
        fix=FIX,
        now=("Restart it with the loop made after the fork; no connection is served until then.",),
        explains="requests that are never answered while every process is idle",
        would_change="a process that waits in this epoll, or another one that has the socket",
    )


def _idle(one: SharedEpoll) -> Finding:
    """The process that made the loop serves alone; a child was given a loop of its own, with nothing in it."""
    heirs, users = (" and ".join(map(str, pids)) for pids in (one.idle_heirs, one.users))
    who = f"processes {heirs}" if len(one.idle_heirs) > 1 else f"process {heirs}"
    return Finding(
        claim=f"{who} inherited the epoll instance of process {users} by a fork, with the listening socket "
        f"{', '.join(one.inherited)} in it, but runs a new loop that nothing can wake; process {users} serves alone",
        severity="warning",
        confidence="medium",
        cost=Cost(),
        culprit=replace(_culprit(one, spins=False), pid=one.idle_heirs[0]),
        culprits=tuple(Culprit(pid=pid, note="serves alone") for pid in one.users),
        evidence=(
            Figure("shared_epoll", "descriptors that are one and the same epoll", _members(one), "", "kcmp(2)"),
            Figure("users", "processes that run a loop on it", len(one.users), "processes", "loop objects"),
            Figure("inherited", "addresses listened on that are in it", ", ".join(one.inherited), "", "/proc/PID/net"),
            Figure("heirs", "that wait without a task, a timer or a socket", len(one.idle_heirs), "processes", "loops"),
        ),
        against=("a signal can wake it: a child that waits for one on purpose looks the same",),
        fix=FIX[:1],
        now=("Nothing is lost: the other process serves; restart it with the loop made after the fork.",),
        explains="why a process of this service has nothing to do while requests wait at another",
        would_change="a task, a timer or a socket in the loop of the process that does nothing",
    )


def _members(one: SharedEpoll) -> str:
    return ", ".join(f"pid {pid} fd {fd}" for pid, fd in one.members)


def _claim(one: SharedEpoll, *, spins: bool) -> str:
    pids = " and ".join(str(pid) for pid in one.users)
    shared = f"processes {pids} run their event loops on one shared epoll instance, made before the fork"
    if not spins or one.entry is None:
        return shared
    return (
        f"{shared}; process {one.spinner} burns {one.spinner_cores:.2f} cores being woken for descriptor "
        f"{one.entry.fd} ({one.socket}), which only process {one.owner} has"
    )


def _culprit(one: SharedEpoll, *, spins: bool) -> Culprit:
    listen = one.listen
    return Culprit(
        pid=one.spinner if spins else next(iter(one.users), one.members[0][0]),
        thread=one.spinner_thread,
        function=listen.function if listen else None,
        file=listen.file if listen else None,
        line=listen.line if listen else None,
        note="the line that sets up the loop before the fork"
        if listen
        else "no line of the source is known to make it before a fork",
    )


def _culprits(one: SharedEpoll) -> tuple[Culprit, ...]:
    if one.owner is None:
        return tuple(Culprit(pid=pid, note="shares the epoll") for pid in one.users[1:])
    doing = tuple(site.culprit for site in one.waits[:1])
    return (Culprit(pid=one.owner, note="has the connection and leaves its event unread"), *doing)


def _evidence(one: SharedEpoll) -> tuple[Figure, ...]:
    figures = [
        Figure("shared_epoll", "descriptors that are one and the same epoll", _members(one), "", "kcmp(2)"),
        Figure("users", "processes that run a loop on it", len(one.users), "processes", "stacks"),
        Figure(
            "foreign",
            "entries that a process is woken for but does not have",
            len(one.foreign),
            "entries",
            "/proc/PID/fdinfo",
        ),
        Figure(
            "spinner_cores",
            f"CPU of process {one.spinner}",
            round(one.spinner_cores, 2),
            "cores",
            "/proc/PID/task/TID/stat",
        ),
        Figure(
            "unbounded_polls",
            "its polls that would have slept had nothing been ready",
            str(one.unbounded_polls),
            "",
            "frame locals",
        ),
    ]
    if one.entry is not None:
        figures.append(Figure("entry", "descriptor it is woken for", one.entry.fd, "", "/proc/PID/fdinfo"))
        figures.append(
            Figure("socket", f"that descriptor in process {one.owner}", one.socket or "gone", "", "/proc/PID/net")
        )
    return tuple(figures)


RULE = Rule(
    slug="forked-event-loop",
    title="Processes share an event loop made before the fork",
    needs=(SharedEpolls,),
    check=check,
    page=__doc__,
)
