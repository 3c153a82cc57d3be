"""Callbacks or tasks that reschedule themselves at once never let the event loop sleep.

## What we saw
The loop's thread burns a core and never sleeps in its selector: each time it asks, something is ready to run already.
Look after look the same task or callback is running or queued: it polls with `await sleep(0)`, or calls `call_soon` for
itself. Or the task asks something outside of the loop, such as a file read by another thread or a stream that has
ended, gets the same answer at once, and asks again: then the loop sleeps a thousand times a second and more, for
moments only.

## Why it hurts
A core is gone, and every request waits for its turn behind work that does nothing.

## What to do
Wait for the event instead of asking for it: `asyncio.Event`, `Condition`, `Queue.get()`, a future. Where polling cannot
be avoided, poll with a real delay.

## False alarms
A loop that is busy with honest requests does not sleep either, but its tasks change from look to look, and a consumer
whose queue is never empty waits for it all the same: a task is only reported where it steps without waiting for
anything, a callback only where it runs itself and next to no system time shows that nothing is sent or received. A task
that gives way between long pieces of work spends its time in the work and not in the loop's machinery, and one that
gives way between short ones holds other things in each look. A callback that computes before it queues itself again is
only reported where nothing at all comes in and it holds the same each time.

## Missed alarms
On a loop written in C that is not libuv's the queue cannot be read: a storm of plain callbacks shows only through the
one that runs. The same with greenlets: one that gives way is told by what it asks and holds, several functions are not.
On a loop that is none of asyncio's and tells nothing of its tasks (Twisted's) a storm is told by how little comes in
from outside while the same few functions of the user's run, as one of several tasks of Trio's that wake each other:
beside a hundred requests a second (three hundred, where these functions hold the
same in each look), or what comes through pipes, UDP or Unix sockets, it is left alone.
Tasks that wake each other are told by how little else the loop does: beside traffic that takes a tenth of its steps
they look like honest work. A storm in bursts, on a loop that sleeps between them, is told by one that holds the same in
each look and does next to nothing: one that counts its steps looks like a batch that gives way after each piece of
work, and tasks that wake each other in bursts are left alone.
"""

from __future__ import annotations

from spindoctor.model.bursts import Burst, bursts
from spindoctor.model.empty_turns import MAX_ARRIVALS_PER_S, MIN_OTHER_TURNING, is_awake_for_itself, is_quiet
from spindoctor.model.facts import Cancellations, Circle, Loop, Loops, Others, Rescheduler, Reschedulers
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.pursuits import Pursuit
from spindoctor.model.rule import Rule
from spindoctor.model.share import NO_LOOKS, Share
from spindoctor.model.tasks import HUB
from spindoctor.model.traced import traced_figures

MIN_LOOKS = 6
"""Fewer looks cannot tell one task that always comes back from chance: 6 of 6 bound the share at
61 %, 5 of 6 at 44 %."""

MIN_SEEN = 0.5
"""Who keeps a loop awake is there in every look, but for those in which honest traffic ran and had taken it off the
queue: 9 of 11 were seen beside two busy clients, and bound the share at 52 %."""

MAX_IDLE = 0.05
"""A loop that sleeps in more than 5 % of looks is not kept awake all the time."""

MIN_CORES = 0.3
"""A spinning loop uses, or stands in the run queue for, a whole core; a third of one is no loop that ever sleeps."""

MAX_IO_SHARE = 0.15
"""Honest network work spends a fifth and more of its time in system calls; an empty turn about a twentieth."""

MIN_RUNNING = 0.1
"""Who keeps a loop awake alone is the one that runs; beside honest traffic still a good part of the time."""

MIN_QUEUED = 0.3
"""It is queued again at the end of each run: in most looks that do not meet it running."""

MET_QUEUED = 3
"""What fills a loop is seldom met in its queue, where it lies for a part of a microsecond: once or twice is chance."""

MIN_FILLS = 0.75
"""Lower bound. Who computes each time that it is called fills the loop alone, each look in another turn."""

MIN_ALONE = 0.5
"""A callback that many tasks leave behind is queued as often, but runs for a small part of their time."""

MAX_ONE_CALLBACK = 0.5
"""Where one single run of a callback fills the look, nothing is rescheduled: that is another mechanism."""

MIN_MACHINERY = 0.1
"""A step that does next to nothing costs no more than the loop's own work for it; where that is a tenth, steps are ten
times as long, and that is work."""

MIN_TURNING = 0.15
"""Tasks that wake each other leave half of the time to the loop's own work, under a loop written in C a fifth; honest
requests leave less than a tenth."""

MIN_STEPS = 30
"""Steps of a circle: 30 of 30 bound its share at 89 %."""

MIN_CIRCLE = 0.75
"""Who wakes each other without end leaves little room for anything else; some of it is a little other traffic."""

MAX_INCOMING = 0.05
"""A loop that serves its sockets is met in their callbacks in a tenth of the looks."""

LONGER = "look for longer (--seconds)"
"""What helps where there were too few looks."""

MAX_SERVING = 0.5
"""Where the callbacks of sockets cannot be told (a loop written in C), steps that work for requests are work."""


def check(reschedulers: Reschedulers, loops: Loops, cancellations: Cancellations, others: Others) -> Outcome:
    """Found for each loop that never sleeps because the same task or callback keeps coming back."""
    taken = {(one.pid, one.tid) for one in cancellations.loops}
    told = _told(others)
    free = [one for one in loops.loops if (one.pid, one.tid) not in taken and (one.pid, one.thread) not in told]
    awake = [loop for loop in free if _never_sleeps(loop)]
    if awake and reschedulers.looks < MIN_LOOKS:
        return Unsure(f"{reschedulers.looks} looks at the loop's queue; {MIN_LOOKS} needed: {LONGER}")
    findings = [finding for loop in awake if (finding := _judge(loop, reschedulers))]
    naps = [loop for loop in loops.loops if loop not in awake and (loop.pid, loop.tid) not in taken]
    asking = [(loop, one) for loop in naps if (one := reschedulers.pursuit_of(loop)) and _asks(one, loop)]
    findings += [_in_rounds(loop, one) for loop, one in asking if one.holds_the_same]
    others_left = [loop for loop in naps if loop in free and loop not in [one for one, _ in asking]]
    spells = [one for loop in others_left if _sleeps_between(loop) for one in bursts(loop, reschedulers)]
    findings += [_in_bursts(one) for one in spells if one.is_certain]
    if findings:
        return Found(tuple(findings))
    if open_one := next((one for loop in awake for one in _open(loop, reschedulers)), None):
        return Unsure(
            f"{open_one.name} steps on without waiting and was running or queued in {open_one.seen}, which is too few "
            f"to tell whether it keeps the loop awake: {LONGER}"
        )
    if dark := next((loop for loop in awake if _is_dark(loop, reschedulers)), None):
        return Unsure(
            f"the loop of {dark.thread} of {dark.pid} never sleeps though next to nothing comes in, and who keeps it "
            f"awake did not show: {LONGER}"
        )
    signs = [_may_ask_in_vain(one) for _, one in asking] + [_may_be_for_nothing(one) for one in spells]
    if signs:
        return Unsure(signs[0], is_sign=True)
    slept = (f"{one.thread} of {one.pid} slept in {one.idle}, {one.cores:.2f} cores" for one in loops.loops)
    return Clear("; ".join(slept))


def _sleeps_between(loop: Loop) -> bool:
    return loop.idle.ratio > MAX_IDLE and loop.one_callback.ratio < MAX_ONE_CALLBACK


def _may_ask_in_vain(one: Pursuit) -> str:
    return (
        f"{one.culprit.function} does nothing but ask, and {one.repeats} showed it holding the same: too few to "
        f"tell whether it gets the same answer each time: {LONGER}"
    )


def _may_be_for_nothing(one: Burst) -> str:
    loop, repeats, arrivals = one.loop, one.pursuit.repeats, one.pursuit.arrivals_per_s
    comes_in = "an unknown number of" if arrivals is None else f"{arrivals:.0f}"
    return (
        f"{one.who.name} steps again and again for {one.stretch_s:.2f} s of CPU between two sleeps of the loop of "
        f"{loop.thread} ({loop.cores:.2f} cores, {one.turning} at the loop's own work), and {repeats} showed it "
        f"holding the same, while {comes_in} segments a second came in: whether it gets on cannot be "
        f"told: {LONGER}"
    )


def _is_dark(loop: Loop, reschedulers: Reschedulers) -> bool:
    """Whether a loop of another kind turns for nothing, and too few looks met a function of the user's."""
    pursuit, circles = reschedulers.pursuit_of(loop), reschedulers.circles_of(loop)
    return not _works(loop, reschedulers) and any(is_awake_for_itself(one, loop, pursuit) for one in circles)


def _open(loop: Loop, reschedulers: Reschedulers) -> list[Rescheduler]:
    """Tasks that may keep a loop awake which does nothing else for long, and were met too seldom to say so."""
    open_ones = [one for one in reschedulers.entries_of(loop) if _steps(one, loop) and one.seen.ratio >= MIN_SEEN]
    return [] if _works(loop, reschedulers) else open_ones


def _asks(one: Pursuit, loop: Loop) -> bool:
    return loop.wanted_cores >= MIN_CORES and one.asks_in_vain


def _judge(loop: Loop, reschedulers: Reschedulers) -> Finding | None:
    if _works(loop, reschedulers):
        return None
    circle = next(iter(reschedulers.circles_of(loop)), None)
    alone = _finding(loop, _of(loop, reschedulers))
    pursuit = reschedulers.pursuit_of(loop)
    closed = circle and (_fills(circle, loop, pursuit) if circle.is_other else _is_closed(circle, loop, pursuit))
    asks = _in_rounds(loop, pursuit) if pursuit and pursuit.asks_awake else None
    return alone or (_in_circle(loop, circle) if circle and closed else asks)


def _works(loop: Loop, reschedulers: Reschedulers) -> bool:
    """Whether the loop is awake for work: next to no time goes into calling its callbacks, or what they do gets on."""
    pursuit = reschedulers.pursuit_of(loop)
    if pursuit is not None and pursuit.begins_anew and _calls_one(loop, reschedulers):
        return False
    return loop.spinning.low < MIN_MACHINERY or (pursuit is not None and pursuit.gets_on)


def _calls_one(loop: Loop, reschedulers: Reschedulers) -> bool:
    """Whether one callback that is no task's step fills the loop, turn after turn."""
    alone = [one for one in reschedulers.entries_of(loop) if not one.is_task and one.running.low >= MIN_FILLS]
    return bool(alone) and Share(loop.turns or 0, loop.turn_pairs or 0).low >= MIN_FILLS


def _is_closed(circle: Circle, loop: Loop, pursuit: Pursuit | None) -> bool:
    """Whether these tasks fill the loop and nothing shows that what they do comes from outside."""
    share, incoming = circle.share, circle.incoming
    same = pursuit if pursuit and pursuit.holds_the_same else None  # nothing is handed on
    if same and is_quiet(same.arrivals_per_s, MAX_ARRIVALS_PER_S * loop.cores):  # those were its timers' callbacks
        share, incoming = Share(share.count, share.of - incoming.count), NO_LOOKS
    from_outside = incoming.ratio > MAX_INCOMING or _system_share(loop) >= MAX_IO_SHARE
    serves = not loop.ready.of and circle.serving.ratio > MAX_SERVING
    works = loop.spinning.ratio < MIN_TURNING
    return share.of >= MIN_STEPS and share.low >= MIN_CIRCLE and not (from_outside or serves or works)


def _fills(circle: Circle, loop: Loop, pursuit: Pursuit | None) -> bool:
    """Whether a loop of another kind calls these few again and again while next to nothing comes in."""
    return bool(circle.members) and circle.share.low >= MIN_CIRCLE and is_awake_for_itself(circle, loop, pursuit)


def _system_share(loop: Loop) -> float:
    return loop.system_s / loop.cpu_s if loop.cpu_s else 0.0


def _told(others: Others) -> set[tuple[int | None, str | None]]:
    """Loops of which it is known why their selector runs a callback again and again: no callback queues itself."""
    outcomes = [others.outcomes.get(slug) for slug in ("accept-storm", "selector-spin")]
    findings = [finding for outcome in outcomes if isinstance(outcome, Found) for finding in outcome.findings]
    return {(one.culprit.pid, one.culprit.thread) for one in findings}


def _never_sleeps(loop: Loop) -> bool:
    busy = loop.wanted_cores >= MIN_CORES and loop.idle.ratio <= MAX_IDLE and loop.waiting.ratio < MAX_ONE_CALLBACK
    polls_without_waiting = not loop.zero_polls.of or loop.zero_polls.ratio > MAX_ONE_CALLBACK
    return busy and polls_without_waiting and loop.one_callback.ratio < MAX_ONE_CALLBACK


def _of(loop: Loop, reschedulers: Reschedulers) -> list[Rescheduler]:
    system_share = _system_share(loop)
    back = [one for one in reschedulers.entries_of(loop) if one.seen.low >= MIN_SEEN]
    return [
        one
        for one in back
        if _steps(one, loop)
        or (not one.is_task and system_share < MAX_IO_SHARE and _runs(one) and loop.loop_type != HUB)
        or (not one.is_task and not loop.ready.of and _queues_itself(one))
    ]


def _steps(one: Rescheduler, loop: Loop) -> bool:
    return one.steps_at_once and (not one.members or loop.spinning.low >= MIN_OTHER_TURNING)


def _queues_itself(one: Rescheduler) -> bool:
    """Whether a callback of a loop written in C comes back through its queue, which its sockets' callbacks never do."""
    fills = one.running.low >= MIN_FILLS and one.queued.count >= MET_QUEUED
    return fills or (one.queued.low >= MIN_QUEUED and one.running.low >= MIN_ALONE)


def _runs(one: Rescheduler) -> bool:
    """Whether it takes a part of the time itself: what is queued by many different tasks at their end does not."""
    return not one.running.of or one.running.low >= MIN_RUNNING


def _finding(loop: Loop, who: list[Rescheduler]) -> Finding | None:
    if not who:
        return None
    who = [one for one in who if not one.members] or who
    first = max(who, key=lambda one: (one.culprit.line is not None and one.is_task, one.seen.ratio))
    met = Figure("running", f"looks inside a callback that were inside {first.name}", str(first.running), "", "stacks")
    how = "steps on without waiting for anything" if first.steps_at_once else "is queued again as soon as it has run"
    return Finding(
        claim=f"{first.name} {how}, so the loop of {loop.thread} never sleeps; {loop.cores:.2f} cores go into it",
        severity="critical",
        confidence="high" if first.steps_at_once else "medium",
        cost=Cost(cores=loop.cores, loop_share=1 - loop.idle.ratio),
        culprit=first.culprit,
        culprits=tuple(one.culprit for one in who if one is not first),
        evidence=(
            Figure("seen", f"looks with {first.name} running or queued", str(first.seen), "", "event loop"),
            *(() if first.members else (met,)),
            *_of_loop(loop),
        ),
        fix=(
            "Wait for what it polls for (asyncio.Event, Condition, Queue.get(), a future) instead of asking on every "
            "turn.",
        ),
        now=("The spin ends when this task or callback ends; a restart ends it too.",),
        explains="the core that is burned, and a little delay for everything else on this loop",
        would_change="a second look in which other tasks run and this one is missing",
    )


def _in_circle(loop: Loop, circle: Circle) -> Finding:
    names = " and ".join(dict.fromkeys(one.function or "a task" for one in circle.members))
    run = "run" if " and " in names else "runs"
    return Finding(
        claim=f"{names} {run} again turn after turn with next to nothing coming in from outside, so the loop "
        f"of {loop.thread} never sleeps; {loop.cores:.2f} cores go into it",
        severity="critical",
        confidence="medium",
        cost=Cost(cores=loop.cores, loop_share=1 - loop.idle.ratio),
        culprit=_first(circle),
        culprits=tuple(one for one in circle.members if one is not _first(circle)),
        evidence=(
            Figure("steps", f"looks inside a callback that were inside {names}", str(circle.share), "", "stacks"),
            _incoming(circle),
            Figure(
                "system_share", "of the loop's CPU in system calls", round(_system_share(loop), 2), "", "/proc/PID/stat"
            ),
            *_of_loop(loop),
        ),
        against=("each of these tasks waits for something, which is there at once: work in memory looks the same",),
        fix=(
            "Find out what they wake each other for: an event that is set again at once, a time-out that has passed, a "
            "notice that answers a notice; wait for a change from outside, or pause between two rounds.",
        ),
        now=("The spin ends when one of these tasks ends; a restart ends it too.",),
        explains="the core that is burned, and a little delay for everything else on this loop",
        would_change="a second look in which other tasks run and these are missing",
    )


def _in_bursts(one: Burst) -> Finding:
    who, loop = one.who, one.loop
    return Finding(
        claim=f"{who.name} steps on without waiting for anything in bursts, for {one.stretch_s:.2f} s of CPU between "
        f"two sleeps of the loop of {loop.thread}; {loop.cores:.2f} cores go into it",
        severity="warning",
        confidence="medium",
        cost=Cost(cores=loop.cores, loop_share=1 - loop.idle.ratio),
        culprit=who.culprit,
        evidence=(*one.figures, _arrivals(one.pursuit.arrivals_per_s or 0.0)),
        against=("it may count on something that cannot be read from outside: the state of native code",),
        fix=("Wait for what it polls for (asyncio.Event, Condition, a future), or pause between two steps.",),
        now=("A burst ends when what it polls for is there; a restart ends them for good.",),
        explains="the CPU that is burned, and a little delay for everything else on this loop while a burst lasts",
        would_change="a variable of this task or callback that changes from look to look",
    )


def _in_rounds(loop: Loop, one: Pursuit) -> Finding:
    return Finding(
        claim=f"{one.culprit.function} asks again and again ({', '.join(one.asked)}) and gets the same answer, so the "
        f"loop of {loop.thread} stops and goes on {one.breaks_per_s:.0f} times a second; {loop.cores:.2f} cores burn",
        severity="critical",
        confidence="medium",
        cost=Cost(cores=loop.cores, loop_share=1 - loop.idle.ratio),
        culprit=one.culprit,
        evidence=(
            Figure("steps", f"looks at the user's code that met {one.culprit.function}", str(one.steps), "", "stacks"),
            Figure("asks", "of these at a question", str(one.asks), "", "stacks and source"),
            Figure("works", "at work", str(one.works), "", "stacks and source"),
            Figure("repeats", "looks in which it holds what it held before", str(one.repeats), "", "locals"),
            Figure("breaks", "sleeps and losses of the CPU", round(one.breaks_per_s), "a second", "/proc/PID/status"),
            _arrivals(one.arrivals_per_s or 0.0),
            *_of_loop(loop),
        ),
        against=("it may count on something that cannot be read from outside: the state of native code",),
        fix=("End it where nothing more will come (an empty read); wait for a change, or pause, where something may.",),
        now=("The spin ends when this task ends; a restart ends it too.",),
        explains="the core that is burned, here and in whatever answers, and a little delay for all else on this loop",
        would_change="a variable of this task that changes from look to look",
    )


def _incoming(circle: Circle) -> Figure:
    what = "looks inside a callback of another kind, such as a socket's"
    incoming = Figure("incoming", what, str(circle.incoming), "", "stacks")
    return incoming if circle.arrivals_per_s is None else _arrivals(circle.arrivals_per_s)


def _arrivals(per_s: float) -> Figure:
    what = "segments with data that came in, and those of new connections"
    return Figure("arrivals", what, round(per_s, 1), "a second", "sock_diag, net/snmp")


def _first(circle: Circle) -> Culprit:
    return next((one for one in circle.members if one.line is not None), circle.members[0])


def _of_loop(loop: Loop) -> tuple[Figure, ...]:
    return (
        Figure("loop_idle", "looks with the loop asleep in its selector", str(loop.idle), "", "stacks"),
        Figure("zero_polls", "polls of the selector with a timeout of zero", str(loop.zero_polls), "", "frame locals"),
        Figure("loop_cores", f"CPU of thread {loop.thread}", round(loop.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        *traced_figures(loop.traced),
    )


RULE = Rule(
    slug="callback-storm",
    title="A task or callback reschedules itself at once",
    needs=(Reschedulers, Loops, Cancellations, Others),
    check=check,
    page=__doc__,
)
