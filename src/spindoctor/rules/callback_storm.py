"""Callbacks or tasks that reschedule themselves at once never let the event loop sleep.

## What we saw
The loop's thread burns a core and never sleeps in its selector: each time it asks, something is ready to run already.
Look after look the same task or callback is running or queued: it polls with `await sleep(0)`, or calls `call_soon` for
itself.

## Why it hurts
A core is gone, and every request waits for its turn behind work that does nothing.

## What to do
Wait for the event instead of asking for it: `asyncio.Event`, `Condition`, `Queue.get()`, a future. Where polling cannot
be avoided, poll with a real delay.

## False alarms
A loop that is busy with honest requests does not sleep either, but its tasks change from look to look, and a consumer
whose queue is never empty waits for it all the same: a task is only reported where it steps without waiting for
anything, a callback only where it runs itself and next to no system time shows that nothing is sent or received.

## Missed alarms
With uvloop the queue of callbacks cannot be read: a storm of plain callbacks shows only through the one that runs.
A storm in which every step makes a new task under a new name has no one to name, and one of tasks that wake each other
through futures that are done at once looks like honest work.
"""

from __future__ import annotations

from spindoctor.model.facts import Cancellations, Loop, Loops, Rescheduler, Reschedulers
from spindoctor.model.outcome import Clear, Cost, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 6
"""Fewer looks cannot tell one task that always comes back from chance: 6 of 6 bound the share at 61 %."""

MIN_SEEN = 0.6
"""Who keeps a loop awake is there in every look; with a lower bound of 60 % it was there in nearly all."""

MAX_IDLE = 0.05
"""A loop that sleeps in more than 5 % of looks is not kept awake all the time."""

MIN_CORES = 0.3
"""A spinning loop uses, or stands in the run queue for, a whole core; a third of one is no loop that ever sleeps."""

MAX_IO_SHARE = 0.15
"""Honest network work spends a fifth and more of its time in system calls; an empty turn about a twentieth."""

MIN_RUNNING = 0.1
"""Who keeps a loop awake alone is the one that runs; beside honest traffic still a good part of the time."""

MAX_ONE_CALLBACK = 0.5
"""Where one single run of a callback fills the look, nothing is rescheduled: that is another mechanism."""


def check(reschedulers: Reschedulers, loops: Loops, cancellations: Cancellations) -> Outcome:
    """Found for each loop that never sleeps because the same task or callback keeps coming back."""
    taken = {(one.pid, one.tid) for one in cancellations.loops}
    awake = [loop for loop in loops.loops if _never_sleeps(loop) and (loop.pid, loop.tid) not in taken]
    if awake and reschedulers.looks < MIN_LOOKS:
        return Unsure(
            f"{reschedulers.looks} looks at the loop's queue; {MIN_LOOKS} needed: look for longer (--seconds)"
        )
    findings = [finding for loop in awake if (finding := _finding(loop, _of(loop, reschedulers)))]
    if findings:
        return Found(tuple(findings))
    return Clear(_looked_at(loops))


def _looked_at(loops: Loops) -> str:
    told = [f"{loop.thread} of {loop.pid} slept in {loop.idle}, {loop.cores:.2f} cores" for loop in loops.loops]
    return "; ".join(told)


def _never_sleeps(loop: Loop) -> bool:
    busy = loop.wanted_cores >= MIN_CORES and loop.idle.ratio <= MAX_IDLE and loop.waiting.ratio < MAX_ONE_CALLBACK
    polls_without_waiting = not loop.zero_polls.of or loop.zero_polls.ratio > MAX_ONE_CALLBACK
    return busy and polls_without_waiting and loop.one_callback.ratio < MAX_ONE_CALLBACK


def _of(loop: Loop, reschedulers: Reschedulers) -> list[Rescheduler]:
    system_share = loop.system_s / loop.cpu_s if loop.cpu_s else 0.0
    mine = [one for one in reschedulers.entries if (one.pid, one.tid) == (loop.pid, loop.tid)]
    back = [one for one in mine if one.seen.low >= MIN_SEEN]
    return [
        one for one in back if one.steps_at_once or (not one.is_task and system_share < MAX_IO_SHARE and _runs(one))
    ]


def _runs(one: Rescheduler) -> bool:
    """Whether it takes a part of the time itself: what is queued by many different tasks at their end does not."""
    return not one.running.of or one.running.low >= MIN_RUNNING


def _finding(loop: Loop, who: list[Rescheduler]) -> Finding | None:
    if not who:
        return None
    first = max(who, key=lambda one: (one.culprit.line is not None and one.is_task, one.seen.ratio))
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
            Figure(
                "running", f"looks inside a callback that were inside {first.name}", str(first.running), "", "stacks"
            ),
            Figure("loop_idle", "looks with the loop asleep in its selector", str(loop.idle), "", "stacks"),
            Figure(
                "zero_polls", "polls of the selector with a timeout of zero", str(loop.zero_polls), "", "frame locals"
            ),
            Figure(
                "loop_cores",
                f"CPU of the loop's thread {loop.thread}",
                round(loop.cores, 2),
                "cores",
                "/proc/PID/task/TID/stat",
            ),
        ),
        fix=(
            "Wait for what it polls for (asyncio.Event, Condition, Queue.get(), a future) instead of asking on every "
            "turn.",
        ),
        now=("The spin ends when this task or callback ends; a restart ends it too.",),
        explains="the core that is burned, and a little delay for everything else on this loop",
        would_change="a second look in which other tasks run and this one is missing",
    )


RULE = Rule(
    slug="callback-storm",
    title="A task or callback reschedules itself at once",
    needs=(Reschedulers, Loops, Cancellations),
    check=check,
    page=__doc__,
)
