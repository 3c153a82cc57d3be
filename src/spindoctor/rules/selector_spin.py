"""A selector returns at once, again and again, for a descriptor that nobody attends to.

## What we saw
A thread burns a core around `epoll`, `poll` or `select` and never sleeps, although the selector is given time to wait.
In nearly every answer there is the same descriptor, and nothing was taken from it (or put into it) over the whole look:
the kernel's counters of the connection stand still, its bytes wait unread, its other end is gone, or this process has
closed it and something else keeps it open.

## Why it hurts
A selector reports a state, not an event: as long as bytes wait, or the end of a stream does, or a socket that is to be
written to has room, every call returns at once. The core is gone, and everything else on the same loop waits behind
the empty turns.

## What to do
In the callback or branch for this descriptor: read until it would block; treat an empty read as the end, take the
descriptor out of the selector and close it; take out the writer as soon as there is nothing to write. Unregister
before closing, most of all where a child process or `dup` keeps the file open.

## False alarms
A loop that is busy with honest traffic does not sleep either, but bytes are taken all the time; one connection that
never falls silent shows in every answer, and its counters move. A selector that is told not to wait is
`polling-thread` or `callback-storm`, an epoll shared between processes `forked-event-loop`.

## Missed alarms
An event loop written in C does not show what its selector gave back: there only a descriptor in its epoll that was
ready and untouched all the time is reported. Terminals, inotify and other descriptors without counters can be judged
only while the thread reads nothing else. A thread that waits in native code alone (a driver's own poll) shows nothing.
"""

from __future__ import annotations

from dataclasses import replace

from spindoctor.model.facts import Others, SharedEpolls
from spindoctor.model.outcome import Clear, Confidence, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.spinning import Spin, Spins, Wakeup
from spindoctor.model.traced import traced_figures

MIN_LOOKS = 50
"""Below this the shares are too coarse to accuse anyone."""

MIN_WANTED = 0.5
"""A spin uses, or stands in the run queue for, a whole core; on a crowded machine it gets at least half of its wish."""

MIN_CORES = 0.15
"""A thread that only queues for a CPU has hardly been seen at its work."""

MAX_ASLEEP = 0.05
"""A selector that sleeps in more than one look of twenty does wait."""

MIN_SEEN = 0.6
"""Lower bound: a descriptor that stays ready is in every answer."""

FEW_WAITS = 0.1
"""A loop whose queue is never empty does not let its selector wait; the few others are torn reads."""

MIN_WAITS = 0.5
"""Of the calls seen, half were given time to wait: the thread has not chosen to poll."""

MOST_STAYS = 0.3
"""A loop that is met in one turn twice does something long in it, and what is ready meanwhile has to wait for that."""

MIN_POLLS = 10
"""Fewer calls seen say little about what the thread does all the time."""

MIN_POLL_SHARE = 0.3
"""Lower bound of the looks that show a selector call, for a thread to be said to live around one."""

MIN_SURE, MIN_SURE_POLL_SHARE = 0.8, 0.1
"""The same where twenty answers on end have the descriptor: a loop that does more for each event than to call somebody
spends less of its time in the selector. In a loop that is busy by right it is a twentieth."""


def check(spins: Spins, epolls: SharedEpolls, others: Others) -> Outcome:
    """Found for each restless thread whose selector reports a descriptor that nobody attends to."""
    if spins.looks < MIN_LOOKS:
        return Unsure(f"{spins.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = _told(others) | {(one.spinner, one.spinner_thread) for one in epolls.shared if len(one.users) > 1}
    restless = [one for one in spins.threads if _never_sleeps(one) and (one.pid, one.thread) not in told]
    findings = [finding for one in restless if (finding := _finding(one))]
    if findings:
        return Found(tuple(findings))
    open_ones = [why for one in restless if (why := _open(one))]
    if open_ones:
        return Unsure("; ".join(open_ones))
    return Clear("; ".join(map(_looked_at, restless)) or f"no thread wanted {MIN_WANTED} cores without sleeping")


def _told(others: Others) -> set[tuple[int | None, str | None]]:
    """Threads whose selector is awake because accepting fails."""
    storm = others.outcomes.get("accept-storm")
    findings = storm.findings if isinstance(storm, Found) else ()
    return {(one.culprit.pid, one.culprit.thread) for one in findings}


def _never_sleeps(one: Spin) -> bool:
    return one.wanted_cores >= MIN_WANTED and one.cores >= MIN_CORES and one.asleep.ratio <= MAX_ASLEEP


def _keeps_awake(spin: Spin, one: Wakeup) -> bool:
    """In every answer, and nothing is taken; or, where few answers show, ready in what is asked all the time."""
    is_told = one.seen.low >= MIN_SEEN and (_gives_time(spin) or _surely_wakes(spin, one))
    turns = spin.is_blind and spin.stays.ratio < MOST_STAYS
    is_ready = one.is_ready and one.seen.count == one.seen.of  # few answers were seen, or none: none without it
    is_there = is_told or (is_ready and (turns or _gives_time(spin)))
    accepts = one.is_listening and spin.accepts.count > 0
    return is_there and one.unused is not None and not accepts and not _is_never_given_time(spin)


def _is_never_given_time(one: Spin) -> bool:
    """Whether the selector was told not to wait: it returns at once by order, whatever is ready."""
    return one.waits.of >= MIN_POLLS and one.waits.ratio < FEW_WAITS


def _gives_time(one: Spin) -> bool:
    """Whether the thread lives around a selector that is given time to wait."""
    return one.waits.of >= MIN_POLLS and one.waits.ratio >= MIN_WAITS and one.polls.low >= MIN_POLL_SHARE


def _surely_wakes(spin: Spin, one: Wakeup) -> bool:
    waits = spin.waits.of >= MIN_POLLS and spin.waits.ratio >= MIN_WAITS
    return waits and one.seen.low >= MIN_SURE and spin.polls.low >= MIN_SURE_POLL_SHARE


def _open(one: Spin) -> str | None:
    """Why a thread that may be spinning cannot be judged; None where it does not look like it."""
    often = [wakeup for wakeup in one.wakeups if wakeup.seen.ratio >= MIN_SEEN and not wakeup.is_used]
    waits = _gives_time(one)
    if often and waits and often[0].unused:
        return f"only {often[0].seen.of} answers of the selector of {one.thread} were seen; look for longer (--seconds)"
    if often and waits:
        return (
            f"the selector of {one.thread} (pid {one.pid}) reports descriptor {often[0].fd} ({often[0].what}) in "
            f"{often[0].seen}, and whether anything is taken from it cannot be told"
        )
    if waits and not any(wakeup.seen.of for wakeup in one.wakeups) and not one.is_loop:
        return f"what the selector of {one.thread} (pid {one.pid}) reports could not be read"
    return None


def _looked_at(one: Spin) -> str:
    if not one.wakeups:
        return f"{one.thread} of {one.pid}: {one.polls} show a selector call, and no descriptor that comes back"
    first = one.wakeups[0]
    return f"{one.thread} of {one.pid}: descriptor {first.fd} in {first.seen}" + (
        ", and it is read" if first.is_used else ""
    )


def _finding(spin: Spin) -> Finding | None:
    awake = [one for one in spin.wakeups if _keeps_awake(spin, one)]
    if not awake:
        return None
    first = max(awake, key=lambda one: (one.is_exact, one.seen.ratio))
    return Finding(
        claim=f"the selector of {spin.thread} (pid {spin.pid}) returns at once for descriptor {first.fd} "
        f"({first.what}), {first.events} all the time: {first.unused}; {spin.cores:.2f} cores go into it",
        severity="critical",
        confidence=_confidence(spin, first),
        cost=Cost(cores=spin.cores, loop_share=1 - spin.asleep.ratio if spin.is_loop else 0.0),
        culprit=_culprit(spin, first),
        culprits=tuple(_culprit(spin, one) for one in awake if one is not first),
        evidence=_evidence(spin, first),
        against=_against(spin, first),
        fix=_fix(first),
        now=("The spin ends when this descriptor is read, written to or closed; a restart ends it too.",),
        explains="the core that is burned, and a delay for everything else on this thread",
        would_change="bytes of this descriptor that are taken, or a selector that sleeps",
    )


def _confidence(spin: Spin, first: Wakeup) -> Confidence:
    return "high" if first.is_exact and (first.seen.of or not spin.is_blind) else "medium"


def _culprit(spin: Spin, one: Wakeup) -> Culprit:
    """Who is called for the descriptor; a thread without a loop attends to it where it calls its selector."""
    found = one.handler or (None if spin.is_loop else spin.place) or Culprit(pid=spin.pid)
    if one.handler:
        note = f"is called for descriptor {one.fd} ({one.events}) and leaves it so"
    else:
        note = f"descriptor {one.fd}: nobody is called for it" if one.is_handled is False else f"descriptor {one.fd}"
    return replace(found, thread=spin.thread, note=note)


def _against(spin: Spin, first: Wakeup) -> tuple[str, ...]:
    told = []
    if spin.is_blind:
        told.append(
            f"a {spin.loop_type} does not show what its selector gives back; this descriptor is ready in its epoll"
        )
    if not first.is_exact:
        told.append("the kernel keeps no counter for such a descriptor: its queue was looked at some times a second")
    return tuple(told)


def _fix(first: Wakeup) -> tuple[str, ...]:
    if first.owners:
        return ("Unregister the descriptor from the selector before it is closed, and let no child inherit it.",)
    if first.events == "writable":
        return ("Take the writer out of the selector (remove_writer, modify) as soon as there is nothing to write.",)
    return (
        "Read the descriptor until it would block; take an empty read, an error or a hang-up for the end: unregister "
        "it (remove_reader) and close it.",
    )


def _evidence(spin: Spin, first: Wakeup) -> tuple[Figure, ...]:
    given = (
        "no limit" if spin.timeout_s == -1 else "not readable" if spin.timeout_s is None else round(spin.timeout_s, 3)
    )
    return (
        Figure(
            "thread_cores", f"CPU of thread {spin.thread}", round(spin.cores, 2), "cores", "/proc/PID/task/TID/stat"
        ),
        Figure("asleep", "looks in which it slept", str(spin.asleep), "", "/proc/PID/task/TID/syscall"),
        Figure("waits", "selector calls that were given time to wait", str(spin.waits), "", "frame locals"),
        Figure("timeout", "time given to the last one seen", given, "s", "frame locals"),
        Figure("seen", f"answers of the selector with descriptor {first.fd}", str(first.seen), "", "frame locals"),
        Figure(
            "unused", f"what became of descriptor {first.fd}", first.unused or "", "", "sock_diag, /proc/PID/fdinfo"
        ),
        *traced_figures(spin.traced),
    )


RULE = Rule(
    slug="selector-spin",
    title="A selector returns at once for a descriptor that nobody attends to",
    needs=(Spins, SharedEpolls, Others),
    check=check,
    page=__doc__,
    explains=("callback-storm", "polling-thread", "native-hot", "gil-contention", "hot-thread", "single-core-ceiling"),
)
