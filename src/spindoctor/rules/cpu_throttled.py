"""A CPU quota stops the service.

## What we saw
The kernel counted periods in which the service's cgroup had used up its quota: all its threads were stopped until the
next period began.

## Why it hurts
A stop takes up to a tenth of a second and hits whatever runs at that moment. CPU use looks moderate, latency is bad.

## What to do
Raise the quota (`cpus:`, `resources.limits.cpu`, `CPUQuota=`), or use less CPU at a time: fewer threads and workers
than cores in the quota.

## False alarms
A single stop at a burst is normal: one in twenty periods must be stopped, within the bounds of their count.

## Missed alarms
A quota that is not visible from here (another mount of the cgroup file system).
"""

from __future__ import annotations

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.surroundings import Throttling

MIN_PERIODS = 10
"""A second at the usual length of a period; fewer periods cannot tell a stop from a habit."""

MIN_STOPPED = 0.05
"""Stopped in one period of twenty, one request of twenty is late."""

SEVERE = 0.5
"""Stopped in every second period the service runs at the pace of its quota."""


def check(throttling: Throttling) -> Outcome:
    """Found where the quota stopped the service again and again."""
    if throttling.quota_cores is None:
        return Clear("no CPU quota")
    if throttling.periods.of < MIN_PERIODS:
        return Unsure(f"{throttling.periods.of} periods of the quota; {MIN_PERIODS} are needed: look for longer")
    told = f"stopped in {throttling.periods.count} of {throttling.periods.of} periods"
    if throttling.periods.low < MIN_STOPPED:
        return Clear(f"a quota of {throttling.quota_cores:.2f} cores, {told}")
    return Found((_finding(throttling, told),))


def _finding(throttling: Throttling, told: str) -> Finding:
    share = throttling.periods.ratio
    site = throttling.site
    stopped = throttling.stopped_s / throttling.seconds if throttling.seconds else 0.0
    return Finding(
        claim=f"the CPU quota of {throttling.quota_cores:.2f} cores stops the service: {told}, "
        f"{throttling.stopped_s:.1f} s in {throttling.seconds:.1f} s, all threads together",
        severity="critical" if share >= SEVERE else "warning",
        confidence="high",
        cost=Cost(time_share=min(1.0, stopped)),
        culprit=site.culprit if site else Culprit(pid=throttling.pid),
        evidence=(
            Figure("periods", "periods in which it was stopped", told, "", "cpu.stat"),
            Figure("quota", "quota", throttling.quota_cores or 0.0, "cores", "cpu.max, cpu.cfs_quota_us"),
            Figure("stopped", "time that it was stopped", round(throttling.stopped_s, 2), "s", "cpu.stat"),
            Figure("cores", "CPU of the service", round(throttling.cores, 2), "cores", "/proc/PID/task/TID/stat"),
        ),
        fix=(
            "Raise the quota (cpus:, resources.limits.cpu, CPUQuota=), or do with fewer threads and workers at a time.",
            "Make what burns most cheaper: it is named above.",
        ),
        now=("Whatever runs when the quota is used up waits for the next period, up to a tenth of a second.",),
        explains="latency in steps of a tenth of a second, at a moderate CPU use",
        would_change="a look without a stopped period",
    )


RULE = Rule(
    slug="cpu-throttled",
    title="A CPU quota stops the service",
    needs=(Throttling,),
    check=check,
    page=__doc__,
)
