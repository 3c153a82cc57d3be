"""Accepting connections fails and is tried again at once.

## What we saw
Connections wait at a listening socket, the process has no descriptor left for them (or no listening socket any more),
and a thread spends its CPU on accepting all the same: `accept` is on its stack, or its selector gives the listening
socket back again and again. Often most of the time goes into the log, one traceback for each try.

## Why it hurts
A core is gone, the log grows by megabytes a second, and no new client gets in. The kernel keeps the listening socket
readable as long as a connection waits, so a failed accept is called for again at once.

## What to do
Find out what holds the descriptors (see `descriptor-exhaustion`): close what is done with, give idle connections a
timeout, limit how many are taken at a time, raise the limit where so many are needed. And let the loop that accepts
pause after a failure (EMFILE, ENFILE), or end where its socket has been closed.

## False alarms
A server that accepts a flood of connections has descriptors free, or it could not accept them.

## Missed alarms
An accept loop written in C shows no function; only its descriptors, its queue and its CPU do. Where the limit is that
of the whole machine (ENFILE), files may come free for a moment just when they are counted.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.spinning import Backlog, Holder, Queue, Spin, Spins
from spindoctor.model.surroundings import DescriptorUse, DescriptorUses
from spindoctor.model.traced import traced_figures

MIN_LOOKS = 50
"""Below this the shares are too coarse to accuse anyone."""

MIN_WANTED = 0.3
"""A storm wants a whole core; asyncio's, which pauses for a second now and then, three quarters of one."""

MIN_CORES = 0.15
"""A thread that only queues for a CPU has hardly been seen at its work."""

MIN_ACCEPTS = 0.2
"""Lower bound of the looks on the CPU that are inside accepting: the rest of a turn is the selector and the log."""

MIN_TRIES = 3
"""Where the time goes into what is done about a failure, the try itself is seen now and then."""

MIN_SEEN = 0.6
"""Lower bound: what keeps a selector awake is in every answer."""

SPARE = 2
"""A try to accept, or to write a traceback, may have a descriptor or two open at the moment of counting."""

SPARE_FILES = 64
"""Of the whole machine's files: all others go on opening and closing theirs between the failure and the counting."""

HOLDS = 0.3
"""Who stands at one place in such a number that he can hold a third of all descriptors is worth naming."""


def check(spins: Spins, uses: DescriptorUses, backlog: Backlog) -> Outcome:
    """Found for each busy thread that accepts and cannot."""
    if spins.looks < MIN_LOOKS:
        return Unsure(f"{spins.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    busy = [one for one in spins.threads if _is_busy(one) and _accepts(one)]
    findings = [finding for one in busy if (finding := _finding(one, uses, backlog))]
    if findings:
        return Found(tuple(findings))
    blind = [one.pid for one in busy for use in uses.processes if use.pid == one.pid and use.limit is None]
    if blind:
        return Unsure(f"the limit of open descriptors of pid {blind[0]} could not be read")
    told = [f"{one.thread} of {one.pid}: accepting in {one.accepts}" for one in busy]
    return Clear("; ".join(told) or "no thread that burns CPU was seen to accept connections")


def _is_busy(one: Spin) -> bool:
    return one.wanted_cores >= MIN_WANTED and one.cores >= MIN_CORES


def _accepts(one: Spin) -> bool:
    listens = any(wakeup.is_listening and wakeup.seen.low >= MIN_SEEN for wakeup in one.wakeups)
    logs = one.accepts.count >= MIN_TRIES and one.around_accept.low >= MIN_SEEN
    return one.accepts.low >= MIN_ACCEPTS or logs or listens


def _finding(one: Spin, uses: DescriptorUses, backlog: Backlog) -> Finding | None:
    use = next((use for use in uses.processes if use.pid == one.pid), None)
    queues = [queue for queue in backlog.queues if queue.pid == one.pid]
    waiting = next((queue for queue in queues if queue.waiting), None)
    if use and waiting and use.limit and use.limit - use.total <= SPARE:
        return _full(one, use, waiting, backlog)
    if use and waiting and uses.is_machine_full(SPARE_FILES):
        return _machine_full(one, uses, waiting)
    return _closed(one) if use and not queues and one.accepts.low >= MIN_ACCEPTS else None


def _full(one: Spin, use: DescriptorUse, queue: Queue, backlog: Backlog) -> Finding:
    acceptor = _acceptor(one)
    holders = [holder for holder in backlog.holders if _can_hold(holder, use)]
    return Finding(
        claim=f"{acceptor.function or 'thread ' + one.thread} cannot accept and tries again at once: {use.total} of "
        f"{use.limit} descriptors are open and {queue.waiting} connections wait at {queue.address}; {one.cores:.2f} "
        f"cores of {one.thread} (pid {one.pid}) go into it",
        severity="critical",
        confidence="high",
        cost=Cost(cores=one.cores, loop_share=_held(one), waiting=queue.waiting),
        culprit=acceptor,
        culprits=tuple(_named(holder) for holder in holders),
        evidence=(
            *_evidence(one),
            Figure("total", "descriptors open", use.total, "descriptors", "/proc/PID/fd"),
            Figure("limit", "soft limit", use.limit or 0, "descriptors", "/proc/PID/limits"),
            Figure("backlog", "connections that wait to be accepted", queue.waiting, "connections", "/proc/PID/net"),
        ),
        against=() if holders else ("which lines opened the descriptors is not known to the kernel",),
        fix=(
            "Close what is done with, and give idle connections a timeout; descriptor-exhaustion says what they are.",
            "Limit how many connections are taken at a time, or raise the limit (ulimit -n, LimitNOFILE=).",
            "Pause after an accept that failed for want of descriptors.",
        ),
        now=("The storm ends when connections are closed, here or by their clients.",),
        explains="the core that is burned, a log that grows fast, and new clients that get no answer",
        would_change="free descriptors, or no connection that waits",
    )


def _machine_full(one: Spin, uses: DescriptorUses, queue: Queue) -> Finding:
    acceptor = _acceptor(one)
    return Finding(
        claim=f"{acceptor.function or 'thread ' + one.thread} cannot accept and tries again at once: "
        f"{uses.open_files} of the {uses.open_files_limit} files that the whole machine may open are open, and "
        f"{queue.waiting} connections wait at {queue.address}; {one.cores:.2f} cores of {one.thread} "
        f"(pid {one.pid}) go into it",
        severity="critical",
        confidence="medium",
        cost=Cost(cores=one.cores, loop_share=_held(one), waiting=queue.waiting),
        culprit=acceptor,
        evidence=(
            *_evidence(one),
            Figure("machine_files", "files open on the machine", uses.open_files or 0, "files", "/proc/sys/fs/file-nr"),
            Figure("backlog", "connections that wait to be accepted", queue.waiting, "connections", "/proc/PID/net"),
        ),
        against=("the process itself has descriptors left",),
        fix=(
            "Find the process that has most files open (descriptor-exhaustion counts this service's), or raise "
            "fs.file-max.",
            "Pause after an accept that failed for want of descriptors.",
        ),
        now=("The storm ends when files are closed, by whatever process.",),
        explains="the core that is burned, and new clients that get no answer",
        would_change="free files on the machine, or no connection that waits",
    )


def _closed(one: Spin) -> Finding:
    acceptor = _acceptor(one)
    return Finding(
        claim=f"{acceptor.function or 'thread ' + one.thread} accepts on a socket that does not listen any more "
        f"and tries again at once: {one.cores:.2f} cores of {one.thread} (pid {one.pid}) go into it",
        severity="critical",
        confidence="medium",
        cost=Cost(cores=one.cores, loop_share=_held(one)),
        culprit=acceptor,
        evidence=(
            *_evidence(one),
            Figure("listening", "listening sockets of the process", 0, "sockets", "/proc/PID/net"),
        ),
        fix=("End the loop that accepts when its socket has been closed, and on errors that will not pass.",),
        now=("A restart ends it.",),
        explains="the core that is burned, and that nobody is answered",
        would_change="a listening socket of this process",
    )


def _acceptor(one: Spin) -> Culprit:
    handlers = [wakeup.handler for wakeup in one.wakeups if wakeup.is_listening and wakeup.handler]
    found = one.acceptor or next(iter(handlers), None) or one.place or Culprit(pid=one.pid)
    return replace(found, thread=one.thread)


def _can_hold(holder: Holder, use: DescriptorUse) -> bool:
    return holder.culprit.pid == use.pid and holder.count >= HOLDS * use.total


def _named(holder: Holder) -> Culprit:
    return replace(holder.culprit, note=f"{holder.count} stand here, which can be what holds the descriptors")


def _held(one: Spin) -> float:
    return 1 - one.asleep.ratio if one.is_loop else 0.0


def _evidence(one: Spin) -> tuple[Figure, ...]:
    return (
        Figure("thread_cores", f"CPU of thread {one.thread}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        Figure("accepts", "looks on the CPU inside a function that accepts", str(one.accepts), "", "stacks"),
        Figure("around", "looks on the CPU inside one that calls it", str(one.around_accept), "", "stacks"),
        Figure("logs", "looks on the CPU inside logging and tracebacks", str(one.logs), "", "stacks"),
        Figure("asleep", "looks in which it slept", str(one.asleep), "", "/proc/PID/task/TID/syscall"),
        *traced_figures(one.traced),
    )


RULE = Rule(
    slug="accept-storm",
    title="Accepting fails and is tried again at once",
    needs=(Spins, DescriptorUses, Backlog),
    check=check,
    page=__doc__,
    explains=(
        "descriptor-exhaustion",
        "selector-spin",
        "unyielding-coroutine",
        "cpu-bound-on-loop",
        "callback-storm",
        "polling-thread",
        "native-hot",
        "hot-thread",
        "single-core-ceiling",
    ),
)
