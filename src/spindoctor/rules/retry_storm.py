"""An operation fails and is tried again at once, over and over.

## What we saw
A thread, or a task of an event loop, went round in a loop whose `try` swallows what fails. Look after look an exception
from the same call was being handled, what comes after the call was never reached, and nothing that the loop holds
changed. It was not found waiting before the next attempt; who takes again what he has just put back, or refused with a
request to send it again, does not wait. Or: nearly all looks at its work found a loop that never sleeps connecting in
one function, while the kernel counted TCP connections that failed, fifty a second and more. Or: attempt
followed attempt, and what a success leads to, a sleep or the end of the loop, never came. Or: the loop held one answer
after the other, nearly all of which refuse by their status (4xx, 5xx), and asked the same again at once.

## Why it hurts
A core is gone for attempts that cannot succeed. Whoever is asked is flooded by them, and where each failure is logged,
so is the disk.

## What to do
Wait before the next attempt, longer each time and by a random part of it: 1 s, 2 s, 4 s ... up to a minute. Give up,
or raise an alarm, after some attempts. Catch only what another attempt can cure: a mistake in the request or the
program fails for ever. On an event loop the pause is `await asyncio.sleep(...)`.

## False alarms
Exceptions that are part of the work (a line that does not parse, a key that is missing) come with something new in each
turn and are not reported, nor are failures of single requests. Where attempts are a second apart the thread sleeps, and
there is no storm. The kernel counts failed connections for all processes of a network namespace: this process is blamed
only where connecting is all that it does.

## Missed alarms
Attempts that start each other without a loop: by recursion, or from a callback that says that the connection was lost.
A loop of which the source cannot be read. Attempts that each bring something new, as a counter in their arguments.
Attempts that the other side answers at once and that end in no exception, where a success leads to no sleep and does
not end the loop, and where the answer has no status that refuses.
"""

from __future__ import annotations

from spindoctor.model.burning import blamed
from spindoctor.model.counting import count
from spindoctor.model.facts import Others
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.retrying import Futile, Refusal, Rejection, Retries, Retry
from spindoctor.model.rule import Rule
from spindoctor.model.share import Share
from spindoctor.model.traced import traced_figures

MIN_LOOKS = 50
"""Below this the shares are too coarse to accuse anyone."""

MIN_EPISODES = 5
"""One exception that is handled for long is no storm; five that come one after the other are."""

MIN_CORES = 0.15
"""Attempts with a pause between them need next to no CPU; a seventh of a core is some hundred attempts a second."""

SEVERE_CORES = 0.3
"""A third of a core is what a storm gets where others want the machine too."""

MAX_SUCCESSES = 0.05
"""Now and then an attempt may get through, or a look be torn."""

MAX_ELSEWHERE = 0.3
"""A loop that does other work between its attempts is a service some of whose requests fail."""

MAX_PAUSES = 0.25
"""Whoever is found waiting in a quarter of the looks does wait before the next attempt."""

MIN_REPEATS = 0.3
"""An attempt at something new holds something new each time."""

FEW_REPEATS = 10
"""Looks at what a deep or short-lived stack holds are rare: with fewer, the plain share counts, and less is said."""


MIN_REFUSED_PER_S = 50
"""Connections that failed: five hundred clients that each wait ten seconds stay below."""

MIN_CONNECTING = 0.6
"""Lower bound: who connects for other work, as a server does for its requests, is met at that work as well."""

MAX_ASLEEP = 0.05
"""Who waits before the next attempt is met asleep."""


MIN_ALONE = 0.75
"""Lower bound: what fills an event loop's steps leaves little room for anything else to run callbacks for."""

MIN_ROUNDS = 10
"""Attempts that brought something and went on to the next: as many successes would have slept as often. Where one
success would end the loop each of them has failed, and five are a storm."""

MIN_UNMET = 60
"""Looks at the attempt, none of which met what follows a success: it takes less than a twentieth of the time then, by
the upper bound, for ten successes and more."""

MIN_TRIES = 0.5
"""Lower bound: who works for most of the time on what failed, before the next attempt, may get on by it."""

MIN_REJECTED = 0.7
"""Lower bound: one answer of many may be a good one and change nothing."""

LOOKS = "stacks and source"
"""Where most of these figures come from."""

EXPLAINS = (
    "callback-storm",
    "cpu-bound-on-loop",
    "polling-thread",
    "native-hot",
    "hot-thread",
    "gil-contention",
    "single-core-ceiling",
)
"""What a loop of failures also looks like: steps without a wait, long callbacks, a thread on the CPU."""


BACK_OFF = (
    "Wait before the next attempt, longer each time, with a random part; give up or raise an alarm at some point."
)
"""What all forms of the storm lack."""


def check(retries: Retries, others: Others) -> Outcome:
    """Found for each loop in which the same operation fails without a pause."""
    if retries.looks < MIN_LOOKS:
        return Unsure(f"{retries.looks} looks at the threads; {MIN_LOOKS} are needed: look for longer (--seconds)")
    told = blamed(others, but=EXPLAINS)
    storms = [one for one in retries.entries if _is_storm(one) and (one.pid, one.thread) not in told]
    known = told | {(one.pid, one.thread) for one in storms}
    refused = [one for one in retries.refusals if _is_refused(one) and (one.pid, one.thread) not in known]
    known |= {(one.pid, one.thread) for one in refused}
    futile = [one for one in retries.futile if _is_futile(one) and (one.pid, one.thread) not in known]
    known |= {(one.pid, one.thread) for one in futile}
    rejected = [one for one in retries.rejections if _is_rejected(one) and (one.pid, one.thread) not in known]
    if storms or refused or futile or rejected:
        findings = (
            *map(_finding, storms),
            *map(_refused, refused),
            *map(_in_vain, futile),
            *map(_rejected, rejected),
        )
        return Found(tuple(sorted(findings, key=lambda one: one.cost.cores, reverse=True)))
    unknown = [one for one in retries.futile if _is_unknown(one) and (one.pid, one.thread) not in known]
    if unknown:
        return Unsure("; ".join(map(_unknown, unknown)))
    return Clear(_looked_at(retries))


def _looked_at(retries: Retries) -> str:
    told = [
        f"{one.kind} in {one.culprit.function}: handled in {one.handling}, waiting in {one.pauses}, "
        f"{one.repeats} showed nothing new"
        for one in retries.entries
    ]
    return (
        "; ".join(told)
        or f"{count(retries.failures, 'exception')} met in the hands of busy threads, none again and again"
    )


def _unknown(one: Futile) -> str:
    who = f"task {one.task}" if one.task else f"thread {one.thread}"
    return (
        f"{who} makes attempt after attempt in {one.culprit.function} without a pause, {one.rounds} looks met another; "
        f"{count(one.failures, 'exception')} came as far as its loop, and whether other attempts succeed is not known: "
        "look for longer (--seconds)"
    )


def _is_storm(one: Retry) -> bool:
    fails = one.episodes >= MIN_EPISODES and not one.answers and not one.serves
    wanted = one.cores if one.wanted_cores is None else one.wanted_cores
    burns = wanted * _part(one) >= MIN_CORES and one.pauses.ratio <= MAX_PAUSES
    is_alone = one.successes.ratio <= MAX_SUCCESSES and one.elsewhere.ratio <= MAX_ELSEWHERE
    return fails and burns and is_alone and _repeats(one)


def _is_refused(one: Refusal) -> bool:
    """Whether a thread or task does nothing but connect while connections fail, and never waits."""
    burns = one.cores >= MIN_CORES and one.asleep.ratio <= MAX_ASLEEP
    return (
        burns
        and one.per_s >= MIN_REFUSED_PER_S
        and one.share.low >= MIN_CONNECTING
        and one.connects.low >= MIN_CONNECTING
    )


def _is_futile(one: Futile) -> bool:
    """Whether attempt follows attempt at once, and none gets to what every success leads to."""
    is_unmet = one.shows and one.successes.count == 0 and one.successes.of >= MIN_UNMET
    return _goes_round(one) and (is_unmet or (one.leaves and one.tries.low >= MIN_TRIES))


def _is_unknown(one: Futile) -> bool:
    """Whether attempt follows attempt at once, some have failed, and of the others nothing is known."""
    return _goes_round(one) and not one.shows and one.failures > 0 and one.tries.low >= MIN_TRIES


def _goes_round(one: Futile) -> bool:
    """Whether attempts without a pause are all that a loop does."""
    burns = one.wanted_cores * one.share.ratio >= MIN_CORES and one.share.low >= MIN_ALONE
    least = MIN_EPISODES if one.leaves else MIN_ROUNDS  # a success would have ended it: each round has failed
    return burns and one.rounds.count >= least and one.pauses.ratio <= MAX_PAUSES


def _is_rejected(one: Rejection) -> bool:
    """Whether a loop that does nothing else asks for the same at once whenever an answer has refused it."""
    burns = one.wanted_cores * one.inside.ratio >= MIN_CORES and one.inside.low >= MIN_ALONE
    goes_round = one.rounds >= MIN_ROUNDS and one.pauses.ratio <= MAX_PAUSES
    return burns and goes_round and one.refused.low >= MIN_REJECTED and _is_same(one.repeats)


def _repeats(one: Retry) -> bool:
    """Whether it is the same attempt each time: at one peer, holding the same, or a success would have ended it."""
    return bool(one.peer) or one.leaves or _is_same(one.repeats)


def _is_same(repeats: Share) -> bool:
    return (repeats.ratio if repeats.of < FEW_REPEATS else repeats.low) >= MIN_REPEATS


def _part(one: Retry) -> float:
    """The share of the looks on the CPU that are its own: in the loop, or where one of its failures was handled.

    A library may make each attempt in a task of its own, with nothing of the loop on the stack. Where an event loop
    does next to nothing else for the user's code, all that it does is for these attempts.
    """
    return 1.0 if one.steps.low >= MIN_ALONE else max(one.inside.ratio, one.handling.ratio)


def _cores(one: Retry) -> float:
    return one.cores * _part(one)


def _shows_the_same(one: Retry) -> bool:
    return one.repeats.of >= FEW_REPEATS and one.repeats.low >= MIN_REPEATS


def _finding(one: Retry) -> Finding:
    cores = _cores(one)
    what = f"{one.kind}: {one.text}" if one.text else one.kind
    to = f" to {one.peer}" if one.peer and one.peer not in one.text else ""
    who = f"task {one.task}" if one.task else f"thread {one.thread}"
    return Finding(
        claim=f"the call in {one.culprit.function}{to} fails ({what}) and is tried again at once, over and over: "
        f"{who} burns {cores:.2f} cores on it",
        severity="critical" if cores >= SEVERE_CORES else "warning",
        confidence="high" if _shows_the_same(one) and one.episodes >= 2 * MIN_EPISODES else "medium",
        cost=Cost(cores=cores, loop_share=_part(one) if one.is_loop else 0.0),
        culprit=one.culprit,
        culprits=(one.loop,) if one.loop and one.loop != one.culprit else (),
        evidence=_evidence(one, what),
        against=("an attempt may get through that no look met",) if one.handling.ratio < MIN_REPEATS else (),
        fix=(
            BACK_OFF,
            "Catch only what another attempt can cure.",
        ),
        now=("The storm ends when the operation succeeds: see to whom it wants to reach, or what it asks for.",),
        explains="the core that is burned, the flood of attempts at the other side, and of log lines here",
        would_change="looks that find it waiting before the next attempt, or behind a call that succeeded",
    )


def _refused(one: Refusal) -> Finding:
    who = f"task {one.task}" if one.task else f"thread {one.thread}"
    return Finding(
        claim=f"the connection that {one.culprit.function} asks for fails and is asked for again at once: {who} burns "
        f"{one.cores:.2f} cores on it while {one.per_s:.0f} connections a second fail",
        severity="critical" if one.cores >= SEVERE_CORES else "warning",
        confidence="medium",
        cost=Cost(cores=one.cores, loop_share=1 - one.asleep.ratio if one.is_loop else 0.0),
        culprit=one.culprit,
        evidence=(
            Figure("failed", "TCP connections that failed, of all processes", round(one.per_s), "a second", "net/snmp"),
            Figure("share", f"looks at its work that were in {one.culprit.function}", str(one.share), "", "stacks"),
            Figure("connects", "of these while it was connecting", str(one.connects), "", "stacks and source"),
            Figure("asleep", "looks in which it slept", str(one.asleep), "", "/proc/PID/task/TID/syscall"),
            Figure("cores", f"CPU of thread {one.thread}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
            *traced_figures(one.traced),
        ),
        against=("the kernel counts for all processes together; what fails here was met by no look",),
        fix=(BACK_OFF,),
        now=("The storm ends when the other side listens: see to whom it wants to reach.",),
        explains="the core that is burned, and the flood of attempts at the other side",
        would_change="no failed connections, or looks that find it waiting before the next attempt",
    )


def _evidence(one: Retry, what: str) -> tuple[Figure, ...]:
    source = "exceptions being handled"
    figures = [
        Figure("exception", "what fails", what, "", source),
        Figure("handling", "looks on the CPU that met it being handled", str(one.handling), "", source),
        Figure("episodes", "separate runs of such looks", one.episodes, "runs", source),
        Figure("inside", "looks on the CPU inside the loop", str(one.inside), "", "stacks and source"),
        Figure("successes", "of these behind a call that succeeded", str(one.successes), "", "stacks and source"),
        Figure("pauses", "looks at it waiting, before the next attempt", str(one.pauses), "", "stacks"),
        Figure("repeats", "looks in which the loop holds what it held before", str(one.repeats), "", "locals"),
        Figure("thread_cores", f"CPU of thread {one.thread}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
    ]
    if one.logging.count:
        figures.append(Figure("logging", "looks in logging or traceback formatting", str(one.logging), "", "stacks"))
    if one.other_kinds:
        figures.append(Figure("also", "other exceptions on the way", ", ".join(one.other_kinds), "", source))
    return (*figures, *traced_figures(one.traced))


def _in_vain(one: Futile) -> Finding:
    who = f"task {one.task}" if one.task else f"thread {one.thread}"
    return Finding(
        claim=f"what {one.culprit.function} tries fails and is tried again at once, over and over: {who} burns "
        f"{one.cores:.2f} cores on it and never gets to {_success(one)}",
        severity="critical" if one.cores >= SEVERE_CORES else "warning",
        confidence="medium",
        cost=Cost(cores=one.cores * one.share.ratio, loop_share=one.share.ratio),
        culprit=one.culprit,
        evidence=(
            Figure("share", "looks at the user's code on this loop that met the attempt", str(one.share), "", LOOKS),
            Figure("rounds", "looks that met what another attempt made", str(one.rounds), "", "locals"),
            *_unmet(one),
            Figure("pauses", "looks at it waiting, before the next attempt", str(one.pauses), "", "await chains"),
            Figure("cores", f"CPU of thread {one.thread}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
            *traced_figures(one.traced),
        ),
        against=("what fails was met by no look: the exception lives for a moment only",),
        fix=(
            BACK_OFF,
            "Do as the answer says where it says when to come again (Retry-After).",
        ),
        now=("The storm ends when the operation succeeds: see what the other side answers.",),
        explains="the core that is burned, and the flood of attempts at the other side",
        would_change="a look that finds it asleep before the next attempt",
    )


def _success(one: Futile) -> str:
    return "the end of the loop that a success is" if one.leaves else "the sleep that a success leads to"


def _unmet(one: Futile) -> tuple[Figure, ...]:
    if one.leaves:
        return (Figure("successes", "a success ends this loop, and the task with it", "the task stays", "", LOOKS),)
    return (Figure("successes", "looks that met what follows a success", str(one.successes), "", LOOKS),)


def _rejected(one: Rejection) -> Finding:
    cores = one.cores * one.inside.ratio
    who = f"task {one.task}" if one.task else f"thread {one.thread}"
    return Finding(
        claim=f"what {one.culprit.function} asks for is refused (status {one.status}) and asked for again at once, "
        f"over and over: {who} burns {cores:.2f} cores on it",
        severity="critical" if cores >= SEVERE_CORES else "warning",
        confidence="high" if one.rounds >= 2 * MIN_ROUNDS and one.repeats.low >= MIN_REPEATS else "medium",
        cost=Cost(cores=cores, loop_share=one.inside.ratio if one.is_loop else 0.0),
        culprit=one.culprit,
        evidence=(
            Figure("status", f"what most answers in {one.answer} say", one.status, "", "locals"),
            Figure("refused", f"looks whose answer in {one.answer} refuses", str(one.refused), "", "locals"),
            Figure("rounds", "times that it was another answer than before", one.rounds, "answers", "locals"),
            Figure("inside", "looks on the CPU inside the loop", str(one.inside), "", LOOKS),
            Figure("pauses", "looks at it waiting for anything but an answer", str(one.pauses), "", "stacks"),
            Figure("repeats", "looks in which the loop holds what it held before", str(one.repeats), "", "locals"),
            Figure("cores", f"CPU of thread {one.thread}", round(one.cores, 2), "cores", "/proc/PID/task/TID/stat"),
            *traced_figures(one.traced),
        ),
        against=(),
        fix=(
            BACK_OFF,
            "Do as the answer says where it says when to come again (Retry-After); a 4xx will not change by itself.",
        ),
        now=("The storm ends when the other side answers otherwise: see why it refuses.",),
        explains="the core that is burned, and the flood of attempts at the other side",
        would_change="answers that do not refuse, or looks that find it waiting before the next attempt",
    )


RULE = Rule(
    slug="retry-storm",
    title="An operation fails and is repeated without a pause",
    needs=(Retries, Others),
    check=check,
    page=__doc__,
    explains=EXPLAINS,
)
