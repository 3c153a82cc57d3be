"""Descriptors run out, or hang-ups pile up unclosed.

## What we saw
A process has nearly as many descriptors open as it may have, or many sockets in CLOSE_WAIT: the other end has hung
up, and nobody here has closed them. Or all processes of the machine together have nearly as many files open as the
kernel allows (`fs.file-max`): then calls fail with ENFILE in a process that has room itself.

## Why it hurts
At the limit no connection is accepted, no file opened, no server asked: everything fails at once. Sockets in
CLOSE_WAIT are the usual way there.

## What to do
Close what is opened (`with`, `async with`, a context manager for each response). Share one client instead of making
one for each request. Raise the limit (`ulimit -n`, `LimitNOFILE=`) only for a service that needs so many. Where the
machine's own limit is reached, find the process that has most of them; `sysctl fs.file-max` raises it.

## False alarms
A handful of sockets in CLOSE_WAIT is normal: they wait for the loop to come round. Fifty are not, where they are a
fifth of all sockets.

## Missed alarms
A leak that has just begun. Who opened a descriptor is not known to the kernel, so the finding names what they lead
to, and a line only where just one place in the source opens such, keeps them and does not close them.
"""

from __future__ import annotations

from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Severity, Unsure
from spindoctor.model.rule import Rule
from spindoctor.model.surroundings import DescriptorUse, DescriptorUses

NEAR_LIMIT = 0.9
"""Of ten descriptors nine are taken: the next burst of requests meets the limit."""

AT_LIMIT = 0.98
"""So near, that something fails already now and then."""

MANY_CLOSE_WAIT = 50
"""Sockets that were hung up on and not closed; a busy loop has some for the moment, not fifty."""

MAIN_PART = 0.5
"""Who has half of all files is the one to look at."""

FILE_NR = "/proc/sys/fs/file-nr"
"""Where the kernel tells both figures."""

CLOSE_WAIT_SHARE = 0.2
"""Of all sockets: a service with a thousand connections may have fifty that end at this moment."""


def check(uses: DescriptorUses) -> Outcome:
    """Found for each process near its limit or with many sockets in CLOSE_WAIT, and for a machine near its own."""
    findings = [_finding(use) for use in uses.processes if use.share >= NEAR_LIMIT or _leaks(use)]
    if uses.machine_share >= NEAR_LIMIT:
        findings.append(_of_machine(uses))
    if findings:
        return Found(tuple(findings))
    if all(use.limit is None for use in uses.processes):
        return Unsure("the limit of open descriptors could not be read")
    return Clear(
        "; ".join(
            f"pid {use.pid}: {use.total} of {use.limit or 'unlimited'} descriptors, {use.close_wait} in CLOSE_WAIT"
            for use in uses.processes
        )
    )


def _leaks(use: DescriptorUse) -> bool:
    sockets = dict(use.kinds).get("socket", 0)
    return use.close_wait >= MANY_CLOSE_WAIT and use.close_wait >= CLOSE_WAIT_SHARE * sockets


def _told(groups: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count} {name}" for name, count in groups) or "nothing that could be named"


def _finding(use: DescriptorUse) -> Finding:
    is_near = use.share >= NEAR_LIMIT
    groups = use.close_wait_groups if _leaks(use) else use.groups
    severity: Severity = "critical" if use.share >= AT_LIMIT else "warning"
    full = f"{use.total} of {use.limit} descriptors are open" if is_near else f"{use.total} descriptors are open"
    hung_up = f", {use.close_wait} sockets of them in CLOSE_WAIT" if use.close_wait else ""
    return Finding(
        claim=f"pid {use.pid}: {full}{hung_up}; most of them: {_told(groups[:1])}",
        severity=severity,
        confidence="high",
        cost=Cost(waiting=1 if is_near else 0),
        culprit=_culprit(use, _told(groups)),
        evidence=(
            Figure("total", "descriptors open", use.total, "descriptors", "/proc/PID/fd"),
            Figure("limit", "soft limit", use.limit or "none", "descriptors", "/proc/PID/limits"),
            Figure("close_wait", "sockets hung up on and not closed", use.close_wait, "sockets", "/proc/PID/net"),
            Figure("kinds", "by kind", ", ".join(f"{count} {kind}" for kind, count in use.kinds), "", "/proc/PID/fd"),
            Figure("groups", "by what they lead to", _told(use.groups), "", "/proc/PID/fd"),
        ),
        against=("which lines opened them is not known to the kernel",),
        fix=(
            "Close what is opened (with, async with), and use one client for all requests.",
            "Raise the limit (ulimit -n, LimitNOFILE=) only if the service really needs so many.",
        ),
        now=("At the limit no connection is accepted and no file opened.",),
        explains="errors like 'Too many open files', and connections that are not accepted",
        would_change="a second look with far fewer descriptors",
        candidates=use.candidates,
    )


def _of_machine(uses: DescriptorUses) -> Finding:
    most = max(uses.processes, key=lambda use: use.total)
    own = sum(use.total for use in uses.processes)
    is_ours = own >= MAIN_PART * (uses.open_files or 0)
    elsewhere = "most of them are not this service's: other processes, or sockets and pipes that two descriptors share"
    return Finding(
        claim=f"the machine: {uses.open_files} of {uses.open_files_limit} files are open, "
        f"{own} of them in this service",
        severity="critical" if uses.machine_share >= AT_LIMIT else "warning",
        confidence="high",
        cost=Cost(waiting=1),
        culprit=Culprit(pid=most.pid, note=f"has most of this service's: {_told(most.groups)}"),
        evidence=(
            Figure("machine_files", "files open on the machine", uses.open_files or 0, "files", FILE_NR),
            Figure("machine_limit", "as many may be (fs.file-max)", uses.open_files_limit or 0, "files", FILE_NR),
            Figure("own_files", "descriptors of this service", own, "descriptors", "/proc/PID/fd"),
        ),
        against=() if is_ours else (elsewhere,),
        fix=(
            "Find the process that has most files open, and what it does not close; then raise fs.file-max if need be.",
        ),
        now=("At the limit every process but root's fails to open files and to accept (ENFILE).",),
        explains="errors like 'Too many open files in system' in processes that have descriptors left",
        would_change="a second look with far fewer files open on the machine",
    )


def _culprit(use: DescriptorUse, told: str) -> Culprit:
    """The one place in the source that opens such and keeps them; of several none is better than the others."""
    if len(use.candidates) != 1:
        return Culprit(pid=use.pid, note=told)
    place = use.candidates[0]
    note = f"may be opened and kept here: {told}"
    return Culprit(pid=use.pid, function=place.function, file=place.file, line=place.line, note=note)


RULE = Rule(
    slug="descriptor-exhaustion",
    title="Descriptors run out or are not closed",
    needs=(DescriptorUses,),
    check=check,
    page=__doc__,
)
