"""Where the thread of each event loop was: asleep, spinning, computing, waiting."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spindoctor.evidence import other_loops
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.evidence.starters import starts_thread
from spindoctor.model.facts import Loop, Loops, Site
from spindoctor.model.frames import Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Absent, Missing
from spindoctor.model.sample import LoopLook, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share

MIN_HOLD_S = 0.015
"""CPU a callback must use in one stay to count as holding the loop: with looks 10 ms apart two looks in the same
callback can be 10 ms of work; 15 ms cannot be two short callbacks that happen to look alike."""

MIN_STEP_S = 0.009
"""CPU between two looks at one step of a task: looks 10 ms apart, less what a look may come early. A task takes but one
step in a turn, so that two looks at it in one turn are looks at the same step."""

MIN_STEPS = 0.1
"""Lower bound of the looks at long steps of one function, so that it is not told for those of others."""

MIN_BLIND_HOLD_S = 0.1
"""The same where turns cannot be read, so that two steps of one task look like one: a task that is stepping in
six looks of ten is met in ten looks on end once in 170 tries."""


SCRIPT_SHARE = 0.9
"""The few others are what a kernel does between two cells."""

MOST_OVERDUE_S = 0.1
"""A timer that is later than this is one that somebody waits for."""

MIN_CALLED = 5
"""Looks that met a function of the user's: fewer may be torn, or a call on the way in."""

IMPORTS = "<frozen importlib"
"""The files of the interpreter's own import system."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at a loop joined to the look at its thread."""

    at_s: float
    loop: LoopLook
    thread: ThreadLook

    @property
    def is_inside(self) -> bool:
        return self.loop.depth > 0 and not self.loop.polls

    @property
    def stay(self) -> object:
        """What is the same as long as one callback runs.

        A loop written in C serves many connections in one turn, with calls that leave no handle to tell them by.
        """
        if self.loop.turn is not None:
            return (self.loop.turn, self.loop.callback, self.loop.task, self.loop.holder)
        return (self.loop.task, self.loop.callback, self.loop.holder)

    def moment(self) -> Moment:
        return Moment(self.at_s, self.thread, self.thread.stack[: self.loop.depth], self.stay, self.loop.task)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The looks at one loop that met it at something; `one_callback` are those in the longest run of one."""

    computing: Sequence[_Seen]
    waiting: Sequence[_Seen]
    held: Sequence[_Seen]
    steps: Sequence[_Seen]
    one_callback: Sequence[_Seen]


def loops(recording: Recording) -> Loops | Missing | Absent:
    """Every event loop that was seen at work."""
    found = [loop for process in recording.processes for loop in _of_process(process, recording.seconds)]
    looks = sum(loop.looks for loop in found)
    if not found:
        return _none(recording)
    loops_of = {loop.pid for loop in found}
    workers = [one.pid for one in recording.target.processes if one.role == "worker" and one.pid in loops_of]
    return Loops(tuple(sorted(found, key=lambda one: one.cores, reverse=True)), looks, tuple(workers))


def _none(recording: Recording) -> Missing | Absent:
    if not recording.looks:
        return Missing("no look at the threads' stacks succeeded")
    return Absent(f"no event loop runs in this service ({recording.looks} looks at its threads)")


def _of_process(process: ProcessRecording, seconds: float) -> list[Loop]:
    namer = Namer(process)
    seen = _seen(process)
    uses = {use.tid: use for use in process.threads}
    for use in process.threads:
        other = [_Seen(*look) for look in other_loops.looks(process, use)]
        seen.update({use.tid: other} if other else {})
    found = [_loop(uses[tid], looks, seconds, namer) for tid, looks in seen.items() if tid in uses]
    return [replace(one, traced=process.calls_of(one.tid), torn=_torn(process, one.tid)) for one in found]


def _torn(process: ProcessRecording, tid: int) -> int:
    """How often its thread ran while not even the loop could be read: most often, where stacks are deep."""
    read = [tid in {loop.tid for loop in sample.loops} for sample in process.samples]
    unread = [sample for sample, is_read in zip(process.samples, read, strict=True) if not is_read] if any(read) else []
    return sum(look.tid == tid and look.ran_ns > 0 for sample in unread for look in sample.threads)


def _seen(process: ProcessRecording) -> dict[int, list[_Seen]]:
    """The looks at each loop. What its thread used up to a look that tore counts for the next one that did not."""
    seen: dict[int, list[_Seen]] = {}
    torn_ns: Counter[int] = Counter()
    for sample in process.samples:
        loops = {loop.tid: loop for loop in sample.loops}
        for look in sample.threads:
            if look.tid not in loops:
                torn_ns[look.tid] += look.ran_ns
                continue
            whole = replace(look, ran_ns=look.ran_ns + torn_ns.pop(look.tid, 0)) if torn_ns[look.tid] else look
            seen.setdefault(look.tid, []).append(_Seen(sample.at_s, loops[look.tid], whole))
    return seen


def _loop(use: ThreadUse, looks: Sequence[_Seen], seconds: float, namer: Namer) -> Loop:
    """How often each thing was met, and where."""
    inside = [look for look in looks if look.is_inside]
    parts = _Parts(
        computing=[look for look in inside if _runs(look)],
        waiting=[look for look in inside if _waits_for_others(look)],
        held=_held(looks),
        steps=_long_steps(looks),
        one_callback=_one_callback([look for look in looks if look.thread.is_complete]),
    )
    return _with_places(_counted(use, looks, parts, seconds, namer.pid), looks, parts, namer)


def _counted(use: ThreadUse, looks: Sequence[_Seen], parts: _Parts, seconds: float, pid: int) -> Loop:
    of, one = len(looks), parts.one_callback
    outside = [look for look in looks if not look.is_inside]
    polls = [look for look in looks if look.loop.poll_timeout_s is not None]
    ready = [look for look in looks if look.loop.ready is not None]
    whole = [look for look in looks if look.thread.is_complete]
    seen_turns = [look.loop.turn for look in looks if look.loop.turn is not None]
    turns = list(itertools.pairwise(seen_turns))
    return Loop(
        pid=pid,
        tid=use.tid,
        thread=use.name or use.kernel_name,
        loop_type=use.loop_type or other_loops.name([look.thread.stack for look in whole]),
        seconds=seconds,
        cpu_s=use.cpu_s,
        system_s=use.system_s,
        sleeps_per_s=use.voluntary / seconds if seconds and use.voluntary is not None else None,
        queue_wait_s=use.queue_wait_s,
        looks=of,
        idle=Share(sum(1 for look in outside if look.thread.call and not look.thread.waits_for_gil), of),
        spinning=Share(sum(1 for look in outside if _runs(look)), of),
        computing=Share(len(parts.computing), of),
        held=Share(len(parts.held), of),
        waiting=Share(len(parts.waiting), of),
        gil=Share(sum(1 for look in looks if look.thread.waits_for_gil), of),
        zero_polls=Share(sum(1 for look in polls if look.loop.poll_timeout_s == 0), len(polls)),
        ready=Share(sum(1 for look in ready if look.loop.ready), len(ready)) if ready else NO_LOOKS,
        one_callback=Share(len(one), of),
        one_callback_s=one[-1].at_s - one[0].at_s if one else 0.0,
        turns=sum(1 for first, second in turns if first != second) if seen_turns else None,
        turn_pairs=len(turns) if seen_turns else None,
        overdue_s=_overdue(looks),
        goes_on=bool(one) and one[-1] is whole[-1],
        steps=Share(len(parts.steps), of),
        typical_s=_typical_s(looks),
    )


def _with_places(loop: Loop, looks: Sequence[_Seen], parts: _Parts, namer: Namer) -> Loop:
    tid, of = loop.tid, loop.looks
    return replace(
        loop,
        waits=group(_waits(parts.waiting), namer, tid, of, by_line=True),
        holds=group([look.moment() for look in parts.held], namer, tid, of),
        profile=group([look.moment() for look in parts.computing], namer, tid, of),
        one_callback_site=_endless_site([look.moment() for look in parts.one_callback], namer, tid, of),
        one_callback_calls=_called([look.moment() for look in parts.one_callback], namer, tid, of),
        runs_script=_runs_script(looks),
        fills=_fills(parts.steps, parts.computing, namer, tid, of),
    )


def _waits(looks: Sequence[_Seen]) -> list[Moment]:
    """Looks at a waiting thread; where turns cannot be read, a wait ends when the thread has run.

    Then the next callback may look just like the one before.
    """
    numbers = itertools.accumulate(look.loop.turn is None and look.thread.ran_ns > 0 for look in looks)
    return [replace(look.moment(), stay=(look.stay, number)) for look, number in zip(looks, numbers, strict=True)]


def _waits_for_others(look: _Seen) -> bool:
    """Whether it waits for more than a CPU: neither for the GIL nor for a thread of its own to begin.

    `Thread.start` returns as soon as the new thread runs (Lib/threading.py), which only needs a CPU and the GIL.
    """
    stack = look.thread.stack[: look.loop.depth]
    return look.thread.call is not None and not look.thread.waits_for_gil and not any(map(starts_thread, stack))


def _runs(look: _Seen) -> bool:
    return look.thread.call is None and (look.thread.ran_ns > 0 or look.thread.has_gil)


def _endless_site(moments: Sequence[Moment], namer: Namer, tid: int, of: int) -> Site | None:
    """Where one callback stays: the innermost function on the stack in every look; what it calls is left off."""
    common = _common_functions([moment.stack for moment in moments])
    cut = [replace(moment, stack=moment.stack[len(moment.stack) - common :]) for moment in moments]
    return next(iter(group(cut, namer, tid, of)), None)


def _called(moments: Sequence[Moment], namer: Namer, tid: int, of: int) -> Site | None:
    """The function of the user's that a library's one callback calls most; None where the user's own stays."""
    common = _common_functions([moment.stack for moment in moments])
    if not common or any(map(is_user, moments[0].stack[len(moments[0].stack) - common :])):
        return None
    cut = [replace(one, stack=mine) for one in moments if (mine := _from_users(one.stack, common))]
    return next(iter(group(cut, namer, tid, of)), None) if len(cut) >= MIN_CALLED else None


def _from_users(stack: Stack, common: int) -> Stack:
    """A stack from the outermost function of the user's on that is called above those in common."""
    above = range(len(stack) - common - 1, -1, -1)
    return next((stack[depth:] for depth in above if is_user(stack[depth])), ())


def _common_functions(stacks: Sequence[Stack]) -> int:
    """How many outermost functions all stacks have in common."""
    outermost_first = [[(frame.file, frame.function) for frame in reversed(stack)] for stack in stacks]
    same = itertools.takewhile(lambda level: len(set(level)) == 1, zip(*outermost_first, strict=False))
    return sum(1 for _ in same)


def _held(looks: Sequence[_Seen]) -> list[_Seen]:
    """Looks on the CPU that belong to unbroken stays of at least `MIN_HOLD_S` of CPU."""
    kept: list[_Seen] = []
    for stay in _runs_inside(looks):
        needed_s = MIN_BLIND_HOLD_S if stay[0].loop.turn is None else MIN_HOLD_S
        kept.extend(_on_cpu(stay, needed_s))
    return kept


def _on_cpu(stay: Sequence[_Seen], needed_s: float) -> list[_Seen]:
    """The looks of a stay that found it on the CPU; none where it used less than this from the first of them on."""
    computing = [look for look in stay if _runs(look)]
    return computing if sum(look.thread.ran_ns for look in computing[1:]) / 1e9 >= needed_s else []


def _long_steps(looks: Sequence[_Seen]) -> list[_Seen]:
    """Looks on the CPU at single steps of tasks that took `MIN_STEP_S` of CPU and more."""
    stays = [stay for stay in _runs_inside(looks) if stay[0].loop.task is not None and stay[0].loop.turn is not None]
    return [look for stay in stays for look in _on_cpu(stay, MIN_STEP_S)]


def _fills(steps: Sequence[_Seen], computing: Sequence[_Seen], namer: Namer, tid: int, of: int) -> Site | None:
    """The function that most long steps met, with its share of all that the loop computes."""
    most = next(iter(group([look.moment() for look in steps], namer, tid, of)), None)
    if most is None or most.share.low < MIN_STEPS:
        return None
    every = group([look.moment() for look in computing], namer, tid, of) if most else []
    return next((one for one in every if most and _code(one) == _code(most)), None)


def _code(site: Site) -> tuple[str | None, str | None]:
    return site.culprit.file, site.culprit.function


def _typical_s(looks: Sequence[_Seen]) -> float:
    """How long the runs are that looks meet, at least; 0.0 where no two looks are close enough.

    A look at a run of length L is at any moment of it, so that one g later still meets it in (L - g) / L of all cases.
    """
    pairs = [(one, other) for one, other in itertools.pairwise(looks) if other.at_s - one.at_s < MIN_STEP_S]
    met = [(one, other) for one, other in pairs if one.is_inside and _runs(one) and one.loop.turn is not None]
    same = Share(sum(other.is_inside and other.stay == one.stay for one, other in met), len(met))
    return sum(other.at_s - one.at_s for one, other in met) / len(met) / (1 - same.low) if met else 0.0


def _one_callback(looks: Sequence[_Seen]) -> list[_Seen]:
    """The longest unbroken run of looks inside one callback."""
    return max(_runs_inside(looks), key=len, default=[])


def _runs_inside(looks: Sequence[_Seen]) -> list[list[_Seen]]:
    """Unbroken runs of looks inside one callback.

    Unbroken, because without turns one task's many short steps have the same `stay`, and only the looks at the
    loop's machinery between them tell them apart.
    """
    runs = itertools.groupby(looks, key=lambda look: look.stay if look.is_inside else None)
    return [list(run) for stay, run in runs if stay is not None]


def _runs_script(looks: Sequence[_Seen]) -> bool:
    """Whether the loop's callbacks are module bodies, run for who sent them, while nothing else is due on the loop."""
    inside = [look for look in looks if look.is_inside]
    scripts = sum(_is_script(look.thread.stack[: look.loop.depth]) for look in inside)
    waits = any(look.loop.ready for look in looks) or (_overdue(looks) or 0.0) > MOST_OVERDUE_S
    return bool(inside) and scripts >= SCRIPT_SHARE * len(inside) and not waits


def _is_script(callback: Stack) -> bool:
    """Whether a module's body runs in a callback, and not because it is being imported."""
    return any(frame.function == "<module>" for frame in callback) and not any(
        frame.file.startswith(IMPORTS) for frame in callback
    )


def _overdue(looks: Sequence[_Seen]) -> float | None:
    known = [look.loop.overdue_s for look in looks if look.loop.overdue_s is not None]
    return max(known) if known else None
