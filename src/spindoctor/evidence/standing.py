"""Where requests stood for long: what is left to say where nothing tells what they wait for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from spindoctor.evidence.members import member_moments
from spindoctor.evidence.origin import once_each, user_frame
from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.model.facts import Site
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.origin import is_user
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.share import Share
from spindoctor.model.tasks import Task

LONG_S = 1.0
"""A second is where a user's flow of thought breaks (Nielsen 1993, Usability Engineering, chapter 5)."""

MIN_PART = 0.2
"""Of all looks at requests, lower bound: where a fifth of them stand somebody will ask what for."""

MOST_SITES = 3

SLEEPS = frozenset({"sleep", "sleep_until", "_sleep", "sleep_forever"})
"""How functions are called, in any library, in which a task waits for the clock."""

TIMEOUT = 3
"""Which argument of futex(2) points to the time at which a wait ends."""


def standing(recording: Recording) -> tuple[Site, ...]:
    """The lines at which threads and tasks slept within requests for a second and more, the most frequent first."""
    found = [site for process in recording.processes if process.routes for site in _of_process(process)]
    found += [site for process in recording.processes for site in _of_tasks(process)]
    return tuple(sorted(found, key=lambda one: one.share.ratio, reverse=True)[:MOST_SITES])


def _of_process(process: ProcessRecording) -> Iterator[Site]:
    loops = {use.tid for use in process.threads if use.loop is not None}
    tids = {look.tid for sample in process.samples for look in sample.threads} - loops
    namer = Namer(process)
    met = _as_waits(member_moments(process, tids))
    routes = once_each((one.stack for one in met), namer.route)
    requests = [one for one, route in zip(met, routes, strict=True) if route]
    asleep = [one for one in requests if one.look.call]
    for site in group(asleep, namer, 0, len(requests), by_line=True):
        if site.longest_s >= LONG_S and site.share.low >= MIN_PART and _is_users(site):
            yield site


def _of_tasks(process: ProcessRecording) -> Iterator[Site]:
    """The same of tasks that wait neither at a connection nor for the clock: for those it shows what they wait for."""
    namer = Namer(process)
    since: dict[object, float] = {}
    longest_s, stood, of = dict[Frame, float](), Counter[Frame](), 0
    chains: dict[Frame, tuple[Stack, int]] = {}
    for look in process.task_looks:
        at_peers = {one.party.task for one in look.conversations if one.waits_at is not None}
        routed = [task for task in look.tasks if task.route and task.chain]
        of += len(routed)
        waits = {task.wait: task for task in routed if task.address not in at_peers and not _sleeps(task)}
        since = {wait: since.get(wait, look.at_s) for wait in waits}
        for wait, task in waits.items():
            if frame := user_frame(task.chain):
                stood[frame] += 1
                chains[frame] = task.chain, task.address
                longest_s[frame] = max(longest_s.get(frame, 0.0), look.at_s - since[wait])
    for frame, count in stood.items():
        share = Share(count, of)
        if longest_s[frame] >= LONG_S and share.low >= MIN_PART:
            chain, address = chains[frame]
            yield Site(namer.culprit(chain, None, address), share, count, longest_s[frame])


def _sleeps(task: Task) -> bool:
    return task.chain[0].function.rpartition(".")[2] in SLEEPS


def _as_waits(moments: Sequence[Moment]) -> list[Moment]:
    """A wait with a timeout that is renewed when it passes is one wait: it ran in between, and had nothing to do.

    It is one as long as look after look finds the thread there.
    """
    found: list[Moment] = []
    for number, moment in enumerate(moments):
        before = moments[number - 1] if number else None
        is_renewed = before is not None and _is_renewed(moment) and _is_renewed(before) and _is_same(before, moment)
        found.append(replace(moment, stay=found[-1].stay) if is_renewed else moment)
    return found


def _is_renewed(moment: Moment) -> bool:
    call = moment.look.call
    return call is not None and call.name == "futex" and len(call.arguments) > TIMEOUT and bool(call.arguments[TIMEOUT])


def _is_same(one: Moment, other: Moment) -> bool:
    return one.look.tid == other.look.tid and one.stack == other.stack


def _is_users(site: Site) -> bool:
    """Threads of a server that wait for the next request may still know the one before."""
    return is_user(Frame("", site.culprit.file or "", 0))
