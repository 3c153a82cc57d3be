"""What the threads of a pool were seen to do: where they stay, for how long, and whether they compute."""

from __future__ import annotations

import bisect
import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from spindoctor.evidence.delegates import delegates, waits_for_thread
from spindoctor.evidence.origin import once_each, user_frame
from spindoctor.evidence.sites import Moment
from spindoctor.model.facts import Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.routes import Route
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task, TaskLook

Met = tuple[float, ThreadLook, int]
"""A look at a thread: when, and how often it had run by then."""


def member_moments(process: ProcessRecording, tids: set[int]) -> list[Moment]:
    """Looks at the member threads; a stay lasts as long as one thread keeps the same line of user code and sleeps.

    A thread that ran in between may have come back to the line with its next piece of work. One in which no code of the
    user's runs stands for the task that awaits what it does, or for that whose end it waits for itself.
    """
    runs = Counter[int]()
    met: list[Met] = []
    for sample in process.samples:
        for look in sample.threads:
            if look.tid in tids:
                runs[look.tid] += look.ran_ns > 0
                if look.stack:
                    met.append((sample.at_s, look, runs[look.tid]))
    asked = _with_askers(process, met)
    stacks = [stack for stack, _ in asked]
    frames = once_each(stacks, user_frame)
    found = [
        Moment(at_s, look if look.route else replace(look, route=route), stack, (look.tid, run, frame))
        for (at_s, look, run), (stack, route), frame in zip(met, asked, frames, strict=True)
    ]
    return sorted(found, key=lambda one: (one.look.tid, one.at_s))


def _with_askers(process: ProcessRecording, met: Sequence[Met]) -> list[tuple[Stack, Route | None]]:
    """The stacks of these looks, those without code of the user's with the chain of the task that awaits the thread.

    Each with the request of that task.
    """
    times = [one.at_s for one in process.task_looks]
    askers = [_askers(one) for one in process.task_looks]
    sure = _within_stays(times, askers, met)
    helped = _within_stays(times, delegates(process), met)
    frames = once_each((look.stack for _, look, _ in met), user_frame)
    joined: dict[tuple[int, int], Stack] = {}
    found = []
    for (at_s, look, run), frame in zip(met, frames, strict=True):
        before = bisect.bisect(times, at_s) - 1
        last = askers[before].get(look.tid) if before >= 0 else None
        task = sure.get((look.tid, run), last)
        chain = task.chain if task and frame is None else ()
        stack = joined.setdefault((id(look.stack), id(chain)), look.stack + chain) if chain else look.stack
        work = helped.get((look.tid, run)) if frame is None and waits_for_thread(look) else None
        if work:
            stack = joined.setdefault((id(work.chain), id(look.stack)), work.chain + look.stack)
        found.append((stack, task.route if task else None))
    return found


def _within_stays(
    times: Sequence[float], askers: Sequence[dict[int, Task]], met: Sequence[Met]
) -> dict[tuple[int, int], Task]:
    """Who awaits what a thread does for as long as it does not run: a slow look within that time has seen it."""
    runs: dict[int, list[tuple[float, int]]] = {}
    for at_s, look, run in met:
        runs.setdefault(look.tid, []).append((at_s, run))
    found: dict[tuple[int, int], Task] = {}
    for at_s, tasks in zip(times, askers, strict=True):
        for tid in tasks.keys() & runs.keys():
            place = bisect.bisect(runs[tid], at_s, key=lambda one: one[0]) - 1
            if place >= 0:
                found[tid, runs[tid][place][1]] = tasks[tid]
    return found


def _askers(look: TaskLook) -> dict[int, Task]:
    """By thread the task that awaits what it does."""
    tasks = {one.address: one for one in look.tasks}
    return {
        one.party.tid: tasks[one.for_task]
        for one in look.conversations
        if one.party.tid and one.for_task and one.for_task in tasks
    }


def call_s(moments: Sequence[Moment]) -> float | None:
    """How long waits at the most frequent place took: the middle one of those whose beginning and end were seen."""
    places = Counter(once_each((one.stack for one in moments if one.look.call), user_frame))
    most = places.most_common(1)[0][0] if places else None
    lasted = [lasted_s for place, lasted_s in _whole_stays(moments) if place is not None and place == most]
    return statistics.median(lasted) if lasted else None


def _whole_stays(moments: Iterable[Moment]) -> Iterable[tuple[Frame | None, float]]:
    """Place and seconds of each stay in a call between two others of its thread: the first and the last are cut off."""
    for _, looks in itertools.groupby(moments, key=lambda one: one.look.tid):
        begins = [next(stay) for _, stay in itertools.groupby(looks, key=lambda one: one.stay)]
        for one, after in itertools.pairwise(begins[1:]):
            if one.look.call:
                yield user_frame(one.stack), after.at_s - one.at_s


def computes(moment: Moment) -> bool:
    """Whether a look found a member on a CPU, or waiting for the GIL."""
    return moment.look.waits_for_gil or (moment.look.ran_ns > 0 and moment.look.call is None)


def merged(sites: Sequence[Site]) -> tuple[Site, ...]:
    """One site for each line, whichever process stands there."""
    lines: dict[tuple[str | None, int | None], list[Site]] = {}
    for site in sites:
        lines.setdefault((site.culprit.file, site.culprit.line), []).append(site)
    merged = [
        replace(
            max(same, key=lambda one: one.share.count),
            share=Share(sum(one.share.count for one in same), same[0].share.of),
            episodes=sum(one.episodes for one in same),
            longest_s=max(one.longest_s for one in same),
        )
        for same in lines.values()
    ]
    return tuple(sorted(merged, key=lambda one: one.share.count, reverse=True))
