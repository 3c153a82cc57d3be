"""The usual suspects that are not the cause, each with the figure that clears it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from spindoctor.evidence.sites import looks_by_thread
from spindoctor.model.cpu import GilUse
from spindoctor.model.facts import Pools, PoolUse
from spindoctor.model.outcome import Cleared
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import ThreadLook
from spindoctor.model.share import Share

BURNS_CORES = 0.02
"""A thread below 2 % of a core does not explain a busy one."""

HELD_UP_SHARE = 0.05
"""Below 5 % of looks with a thread waiting for the GIL nobody is held up noticeably by it."""

GROUP_MEMBER = re.compile(r"(?<=^Thread)-\d+(?= \()|[-_ ]?\(?\d+(_\d+)?\)?$")
"""The counter in a thread's name: `asyncio_3`, `ThreadPoolExecutor-0_1`, `worker-7`; from 3.10 `Thread-5 (name)`."""


def suspects(recording: Recording, evidence: Mapping[type, Any]) -> tuple[Cleared, ...]:
    """GIL, executors, and every group of threads that used next to no CPU."""
    return (
        *_gil(evidence[GilUse]),
        *_pools(evidence[Pools]),
        *(one for process in recording.processes for one in _threads(process)),
    )


def _gil(told: GilUse | Missing) -> list[Cleared]:
    if not isinstance(told, GilUse):
        return []
    return [
        Cleared(
            f"the GIL of process {one.pid}",
            f"a thread waited for it in {one.contended}, {one.waiters:.2f} waiters on average, "
            f"{one.switches_per_s:.0f} changes of hand a second",
        )
        for one in told.processes
        if one.contended.high < HELD_UP_SHARE
    ]


def _pools(told: Pools | Missing) -> list[Cleared]:
    if not isinstance(told, Pools):
        return []
    alike: dict[tuple[int, str, str, int], list[PoolUse]] = {}
    for use in told.pools:
        if use.queued_most == 0:
            name = GROUP_MEMBER.sub("", use.pool.name, count=1)
            alike.setdefault((use.pid, use.pool.kind, name, use.pool.size), []).append(use)
    return [_same_pools(name, uses) for (_, _, name, _), uses in alike.items()]


def _same_pools(name: str, uses: Sequence[PoolUse]) -> Cleared:
    """Pools of one kind, as where each request makes an executor of its own."""
    pool = max((one.pool for one in uses), key=lambda one: one.busy)
    computing = Share(sum(one.holders_computing.count for one in uses), sum(one.holders_computing.of for one in uses))
    who = f"{len(uses)} {pool.kind}s {name}" if len(uses) > 1 else f"{pool.kind} {pool.name}"
    each = " at most in each" if len(uses) > 1 else ""
    return Cleared(
        f"{who.strip()} of process {uses[0].pid}",
        f"{pool.busy} of {pool.size} busy{each}, nobody queued in {max(one.met or one.full.of for one in uses)} looks; "
        f"threads were on the CPU in {computing}",
    )


def _threads(process: ProcessRecording) -> list[Cleared]:
    seconds = process.samples[-1].at_s - process.samples[0].at_s if process.samples else 0.0
    groups: dict[str, list[ThreadUse]] = {}
    for use in process.threads:
        groups.setdefault(GROUP_MEMBER.sub("", use.name or use.kernel_name, count=1), []).append(use)
    quiet = {name: uses for name, uses in groups.items() if _cores(uses, seconds) < BURNS_CORES}
    looks = looks_by_thread(process.samples) if quiet else {}
    return [
        _group(process, name, uses, [look for use in uses for _, look in looks.get(use.tid, ())], seconds)
        for name, uses in quiet.items()
        if not any(use.loop for use in uses)
    ]


def _cores(uses: list[ThreadUse], seconds: float) -> float:
    return sum(use.cpu_s for use in uses) / seconds if seconds > 0 else 0.0


def _group(
    process: ProcessRecording, name: str, uses: list[ThreadUse], looks: list[ThreadLook], seconds: float
) -> Cleared:
    asleep = sum(1 for look in looks if look.call is not None)
    alone = uses[0].name or uses[0].kernel_name
    who, together = (f"{len(uses)} threads {name}", " together") if len(uses) > 1 else (f"thread {alone}", "")
    return Cleared(
        f"{who} of process {process.pid}",
        f"{_cores(uses, seconds):.3f} cores{together}; asleep in a system call in {asleep} of {len(looks)} looks",
    )
