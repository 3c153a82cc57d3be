"""Tasks and threads that serve requests out of a queue: where tasks stand, and how long requests wait for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spindoctor.evidence.origin import user_frame
from spindoctor.evidence.sites import Namer
from spindoctor.model.facts import Site
from spindoctor.model.frames import Stack
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.share import Share
from spindoctor.model.tasks import Pool

MOST_SITES = 4


def crew_places(process: ProcessRecording, states: Sequence[Pool], namer: Namer) -> tuple[Site, ...]:
    """The lines at which the member tasks were met, the most frequent first."""
    members = {task for one in states for task in one.tasks}
    met = [task for look in process.task_looks for task in look.tasks if task.address in members]
    stacks = Counter(task.chain for task in met if user_frame(task.chain))
    lines: dict[tuple[str, int], list[tuple[Stack, int]]] = {}
    for stack, count in stacks.most_common():
        frame = user_frame(stack)
        if frame:
            lines.setdefault((frame.file, frame.line), []).append((stack, count))
    sites = [
        Site(namer.culprit(same[0][0]), Share(sum(count for _, count in same), stacks.total()), len(members), 0.0)
        for same in lines.values()
    ]
    return tuple(sorted(sites, key=lambda one: one.share.count, reverse=True)[:MOST_SITES])


def longest_wait_s(process: ProcessRecording, states: Sequence[Pool]) -> float:
    """The longest row of slow looks in which one request lay in the queue."""
    since: dict[object, float] = {}
    longest = 0.0
    for look in process.task_looks:
        pools = [pool for pool in look.pools if pool.address == states[0].address]
        queued = {task for pool in pools for task in pool.waiters or ()}
        waits = [task.wait for task in look.tasks if task.address in queued]
        waits += [one for pool in pools for one in pool.asking]
        since = {wait: since.get(wait, look.at_s) for wait in waits}
        longest = max(longest, look.at_s - min(since.values(), default=look.at_s))
    return longest
