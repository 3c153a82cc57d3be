"""Threads or tasks wait for each other.

## What we saw
Look after look the same threads (or tasks) waited, and each for something that only another one of them can give: a
lock that the next one has, the end of a thread or task, what a thread does for a task or a task for a thread, a result
that is queued behind the one who waits for it. Or a lock whose owner does not exist in this process, or one of several
processes that is locked though none of them has it. Or room in a full queue, where all who take something out of it
wait for room in a full queue themselves, or where nobody takes anything out any more. Or answers to what lies in a
queue that nobody serves. Or a child process that waits to write into a full pipe (or to read from an empty one)
whose other end only we have, while we wait for the child's end. Or a thread that reads a pipe to its end, which never
comes: its own process has the writing end open as well, and nobody else has. Or every thread of a process sleeps,
without a limit, for locks that only its own threads can release, one of them until something is finished.

## Why it hurts
None of them goes on, ever or until a limit ends its wait. What they have stays taken: other requests run into it one by
one, until none is served. There is no CPU to see.

## What to do
Take locks in the same order everywhere, and hold none while waiting for somebody else. On an event loop `await` a
result instead of asking for it with `result()`, and use the loop's own locks across an `await`. Where a task has a
lock, let no thread that it awaits ask the loop for what needs the same lock. Let no task await one that awaits it in
turn: cut the circle where a part is asked for that is still being made. Do not wait in a pool for work of the same
pool. Read what a child writes while you wait for it (`communicate()`). Start processes with `spawn` or `forkserver`
where there are threads.

## False alarms
Waits that last a moment: the same standoff must be there in four slow looks, for a second, to the end. A wait with a
limit ends by itself, which is said. A thread that waits for a sign (an event, a queue) is no party. A full pipe that
another thread or task has at hand, or an epoll watches, may still be read: it is left alone. So is a pipe of its own
that a process reads while it handles signals: a handler may write into it. Of a full queue everybody is asked whose
functions have it at hand; one of them whose source cannot be read may take something out, and it is left alone.
So is one of which nobody is seen to take out where some function of the user's asks for something by a longer way than
a name or an attribute of its own (`app.state.jobs.get()`), or a library has the queue at hand. A timer that empties a
queue now and then is not seen, nor a handler of signals that wakes one of threads that all sleep: these kinds are told
with medium confidence. Threads that all wait for work or for a sign, and none for something to be finished, wait by
right; so may those of a process with threads of a native library, which can wake them.

## Missed alarms
A lock that was taken with `acquire()` instead of `with` names no holder, unless it is an `RLock`, one of
`multiprocessing`, or one that the same function gives back (`release()`, in a `finally` or further down). A full queue
is left out where all who take out of it do so by a helper, and where hundreds of threads and tasks would have to be
asked. Locks in databases, of files and in C libraries are not read. A limit that no open block shows (a timer of one's
own that cancels a task) is not seen.
"""

from __future__ import annotations

from collections import Counter

from spindoctor.model.counting import count
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.waiting import Standoff, Standoffs

MIN_LOOKS = 4
"""Fewer slow looks cannot tell who waits for ever from who waits for a moment."""

MIN_LASTED_S = 1.0
"""Nobody needs a second to hand over a lock; who waits longer in a circle waits for ever."""

OF_QUEUES = frozenset({"queue", "unread", "unserved"})
"""Kinds of which somebody who is not seen may make an end."""

NOT_CERTAIN = OF_QUEUES | {"standstill"}
"""And that which a signal may end."""

SOURCE = "lock objects, stacks, system calls"
"""Where these figures come from."""

ENDLESS = "Only a restart of this process ends it; what it has accepted is lost."
"""What helps now."""

LIMITED = "It ends when the limit is reached: who waited there fails, or tries again and may meet the other once more."
"""The same where a wait ends by itself."""

FIXES = {
    "cycle": ("Take these locks in the same order everywhere, or hold none while waiting for the other.",),
    "loop": (
        "Await the result instead of waiting for it on the loop's own thread (await asyncio.wrap_future(...), or await "
        "the coroutine itself).",
        "Use the loop's own lock (asyncio.Lock) where a lock is held across an await.",
    ),
    "pool": ("Do not wait in a pool for work of the same pool: call it directly, or give it a pool of its own.",),
    "queue": (
        "Let nobody who takes out of a queue with a bound wait for room in it, or in one that leads back to it: put "
        "what does not fit aside (put_nowait and QueueFull), or give the way back a queue without a bound.",
        "Bound what is in progress by a semaphore where the work begins, not by the queue between those who do it.",
    ),
    "unread": (
        "Keep whoever takes out of the queue alive: catch what may go wrong with one item inside its loop, and watch "
        "the task or thread itself (a task group, `add_done_callback`) so that its end is not missed.",
        "Give the wait for room a limit (asyncio.timeout, put(timeout=...), put_nowait), and refuse what does not fit.",
    ),
    "unserved": (
        "Keep the thread or task that takes out of the queue alive: catch what may go wrong with one item inside its "
        "loop, log it, and answer whoever waits for it.",
        "Give the wait for the answer a limit, and watch that whoever serves the queue still runs.",
    ),
    "pipe": (
        "Read the child's output while waiting for it (communicate(), or a thread that reads), send it to a file, "
        "or do not ask for a pipe; close its input when there is no more.",
        "Take everything out of a queue of processes (multiprocessing.Queue) before joining those who put into it.",
    ),
    "standstill": (
        "Find out what should have come: an exception that ended a thread before it reported its item as done, came to "
        "the Barrier or put the last item (the log may tell); do that in a `finally`.",
        "Give these waits a limit, or make threads that only wait for work daemons and tell them to end.",
    ),
    "own pipe": (
        "Close the writing end in the process that reads (os.close, Connection.close()) once the writers have it: a "
        "pipe ends when nobody has it open any more.",
    ),
    "orphan": (
        "Start processes with spawn or forkserver, or before there are threads; make locks anew in the child "
        "(os.register_at_fork).",
    ),
    "abandoned": (
        "Do not end a process that may have the lock (terminate(), kill, a limit of memory or time); take it in a "
        "`with` block, and let a process that is told to stop leave that first.",
        "Use a lock that the kernel releases with its holder (fcntl.flock), or make it anew when a worker has died.",
    ),
}
"""What cures each kind."""


def check(standoffs: Standoffs) -> Outcome:
    """Found for each standoff that lasted to the end of the look."""
    if standoffs.looks < MIN_LOOKS:
        return Unsure(f"{standoffs.looks} looks at the locks; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [_finding(one) for one in standoffs.standoffs if _lasts(one)]
    if findings:
        return Found(tuple(findings))
    if begun := [one for one in standoffs.standoffs if one.seen.count == one.seen.of]:
        return Unsure(_begun(begun[0]), is_sign=True)
    return Clear(
        f"{count(standoffs.waits, 'wait')} on locks, threads and futures at the last look; none of them in a circle"
    )


def _begun(one: Standoff) -> str:
    who = one.members[0].culprit.function or one.members[0].name
    return (
        f"{who} and whoever it waits for stood still in {one.seen}, but only for {one.lasted_s:.1f} s: look for longer "
        "(--seconds)"
    )


def _lasts(one: Standoff) -> bool:
    return one.seen.count >= MIN_LOOKS and one.lasted_s >= MIN_LASTED_S


def _claim(one: Standoff) -> str:
    first = one.members[0]
    where = first.culprit.function or first.name
    told = "; ".join(f"{member.name} waits for {member.waits_for}" for member in one.members)
    match one.kind:
        case "loop":
            held = f"{where} holds up the event loop of pid {one.pid} for ever"
            return f"{held}: {told}, which this very loop has to let go on"
        case "orphan":
            why = "it was copied by a fork while another thread had it" if one.is_forked else "its owner has ended"
            return f"{where} waits for ever in pid {one.pid}: {told}; {why}"
        case "abandoned":
            more = f", and {len(one.members) - 1} more with it" if len(one.members) > 1 else ""
            lock = f"{first.name} waits for {first.waits_for}{more}"
            return f"{where} waits for ever: {lock}; whoever had it has ended and never released it"
        case "pipe" | "own pipe":
            both = f"{where} and a child of pid {one.pid} wait for each other for ever: {told}"
            alone = f"{where} reads for ever in pid {one.pid}: {told}, and no other thread of it has that end at hand"
            return both if one.kind == "pipe" else alone
        case "pool":
            return f"all {len(one.members)} busy threads of a pool of pid {one.pid} wait for ever, at {where}: {told}"
    return _standstill(one) if one.kind == "standstill" else _claim_of_others(one, where, told)


def _claim_of_others(one: Standoff, where: str, told: str) -> str:
    return _unread(one, where) if one.kind in {"unread", "unserved"} else _circle(one, where, told)


def _standstill(one: Standoff) -> str:
    kinds = Counter(member.waits_for for member in one.members)
    told = "; ".join(f"{number} {'waits' if number == 1 else 'wait'} for {what}" for what, number in kinds.items())
    threads = count(len(one.members), "thread")
    who = f"all of its {threads} sleep on locks" if len(one.members) > 1 else "its only thread sleeps on a lock"
    return f"pid {one.pid} stands still for ever: {who} that only this process could release: {told}"


def _unread(one: Standoff, where: str) -> str:
    """Of a queue that nobody empties: who did is told where it is still there, though it has ended."""
    if one.kind == "unserved":
        waits = f"{where} waits for {one.members[0].waits_for}, {count(len(one.members), 'waiter')} in all"
        return f"{waits} in pid {one.pid}: nobody is met who takes anything out of it, or works at what it took"
    waits = f"{where} waits for ever in pid {one.pid}, {count(len(one.members), 'waiter')} in all"
    did = one.ended[0] if one.ended else None
    told = f": task {did.function} ({did.file}:{did.line}) did and has ended" if did else ""
    return f"{waits}, for room in a full queue out of which nobody takes anything{told}"


def _circle(one: Standoff, where: str, told: str) -> str:
    if one.kind == "queue":
        rooms = "; ".join(dict.fromkeys(member.waits_for for member in one.members))
        return f"{where} waits for ever in pid {one.pid}, {count(len(one.members), 'waiter')} in all, for {rooms}"
    if len(one.members) == 1:
        return f"{where} waits for itself for ever in pid {one.pid}: {told}"
    pids = dict.fromkeys(member.culprit.pid for member in one.members if member.culprit.pid)
    place = f"{len(pids)} processes" if len(pids) > 1 else f"pid {one.pid}"
    return f"{len(one.members)} wait for each other for ever in {place}: {told}"


def _ends(claim: str) -> str:
    """The claim of a standoff that a limit ends."""
    return claim.replace(" for ever", "", 1) + "; one of these waits has a limit, which ends it"


def _against(one: Standoff) -> tuple[str, ...]:
    limit = ("one of the waits has a timeout, and ends by itself",) if one.has_limit else ()
    unseen = ("a timer, or a library's function that has the queue by another way, may take something out",)
    signal = ("a handler of signals in this program might wake one of them",)
    return (*limit, *(unseen if one.kind in OF_QUEUES else ()), *(signal if one.kind == "standstill" else ()))


def _finding(one: Standoff) -> Finding:
    places = [*one.ended, *(member.culprit for member in one.members)]
    return Finding(
        claim=_ends(_claim(one)) if one.has_limit else _claim(one),
        severity="critical",
        confidence="medium" if one.has_limit or one.kind in NOT_CERTAIN else "high",
        cost=Cost(
            loop_share=1.0 if one.holds_loop else 0.0,
            waiting=len(one.members),
            delay_s=one.lasted_s,
            never_ends=not one.has_limit and one.kind != "unserved",
        ),
        culprit=places[0],
        culprits=tuple(places[1:]),
        evidence=(
            Figure("seen", "slow looks with this standoff", str(one.seen), "", SOURCE),
            Figure("lasted", "without a break, to the end", round(one.lasted_s, 2), "s", SOURCE),
            Figure("members", "who wait", len(one.members), "waiters", SOURCE),
            *(
                Figure(f"waits_{number}", f"{member.name} waits for", member.waits_for, "", SOURCE)
                for number, member in enumerate(one.members[:4])
            ),
        ),
        against=_against(one),
        fix=FIXES[one.kind],
        now=(LIMITED if one.has_limit else ENDLESS,),
        explains=_explains(one),
        would_change="a look in which one of them has gone on",
    )


def _explains(one: Standoff) -> str:
    if one.kind == "standstill":
        return "that this process neither goes on nor ends, without any CPU"
    return "requests that stand still" if one.has_limit else "requests that never come back, without any CPU"


RULE = Rule(
    slug="deadlock",
    title="Threads or tasks wait for each other",
    needs=(Standoffs,),
    check=check,
    page=__doc__,
    explains_there=("pool-exhausted",),
)
