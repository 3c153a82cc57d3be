"""One process uses all the CPU that one core has, while the machine looks half idle.

## What we saw
A process burned one whole core. Python code in one process runs on one core at a time, so this is all it can get,
however many cores the machine has: on two cores a panel that adds them up says "50 %", on eight "12 %". Native code
that has given up the GIL may use a further core, and is told apart.

## Why it hurts
Average CPU looks healthy although the one core that matters is full.

## What to do
Find out what burns the core first (the other findings). If it is honest work, more worker processes can use the other
cores. If it is a spin, each worker would only spin on a core of its own.

## False alarms
This is information, never a fault by itself: a number cruncher uses a core by right.

## Missed alarms
On a machine whose other tenants take part of the core the process may stay below the threshold.
"""

from __future__ import annotations

from spindoctor.model.cpu import CpuUse, ProcessCpu, ThreadCpu
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome
from spindoctor.model.rule import Rule

FULL_CORES = 0.85
"""A pegged thread uses, or queues for, 0.9 to 1.0 of a core; sampling takes a little."""

MIN_CORES = 0.3
"""A thread that mostly queues is starved by its neighbours; that is not its own ceiling."""

ONE_CORE = 1.2
"""Above this native threads use further cores and the one core is no ceiling."""

QUEUES = 0.05
"""Time in the run queue below 5 % goes without saying."""

BESIDE = 0.05
"""So does CPU beside the one core."""

PERCENT = 100
"""The unit that panels use."""


def check(cpu: CpuUse) -> Outcome:
    """Information on each process that fills one core of a machine that has more."""
    told = [finding for one in cpu.processes if (finding := _finding(one, cpu))]
    if told:
        return Found(tuple(told))
    busiest = cpu.processes[0] if cpu.processes else None
    used = f"process {busiest.pid} used {busiest.cores:.2f} cores" if busiest else "no process used CPU"
    return Clear(f"{used} of {cpu.cores_of_machine}; a single thread can use 1.00")


def _finding(process: ProcessCpu, cpu: CpuUse) -> Finding | None:
    thread = next((one for one in cpu.threads if one.pid == process.pid), None)
    queued = (thread.queue_wait_share or 0.0) if thread else 0.0
    is_alone = thread is not None and thread.cores + queued >= FULL_CORES
    wanted = queued + (process.cores if is_alone else process.cores - _native(process, cpu))
    if wanted < FULL_CORES or not MIN_CORES <= process.cores <= ONE_CORE or cpu.cores_of_machine == 1:
        return None
    return Finding(
        claim=_claim(process, cpu, queued),
        severity="info",
        confidence="high",
        cost=Cost(cores=process.cores),
        culprit=_culprit(process, thread),
        evidence=_evidence(process, thread, cpu),
        fix=(
            "More workers help only if this core is spent on requests: then each further worker process can use a core "
            "of its own. They do not help against a spin, which each worker would repeat.",
        ),
        explains="why further cores of the machine do not help this process",
        would_change="a second core used by the same process",
    )


def _native(process: ProcessCpu, cpu: CpuUse) -> float:
    """Its CPU in native code that had given up the GIL, which needs no turn with the others."""
    return sum(one.native_cores for one in cpu.threads if one.pid == process.pid)


def _claim(process: ProcessCpu, cpu: CpuUse, queued: float) -> str:
    also = f" (and queues for a CPU for {queued:.2f} of the time)" if queued > QUEUES else ""
    uses = f"process {process.pid} uses {process.cores:.2f} cores{also}"
    native = _native(process, cpu)
    python = process.cores - native
    percent = f"{PERCENT * process.cores / cpu.cores_of_machine:.0f} % of this {cpu.cores_of_machine}-core machine"
    if native <= BESIDE and queued > QUEUES:
        return (
            f"process {process.pid} uses {process.cores:.2f} cores, {percent}, and queues for a CPU for {queued:.2f} "
            "of the time: it would fill the one core that is all a Python process can use"
        )
    if native <= BESIDE:
        return f"{uses}, all that one Python process can use: the {percent} are one whole core"
    if python + queued < FULL_CORES:
        return f"{uses}, most in native code without the GIL: all that one thread can use of the cores of this machine"
    return (
        f"{uses}: {native:.2f} at least in native code that has given up the GIL, and the rest is all that the Python "
        "code of one process can use"
    )


def _culprit(process: ProcessCpu, thread: ThreadCpu | None) -> Culprit:
    if thread is None or thread.site is None:
        return Culprit(pid=process.pid, thread=thread.name if thread else None)
    return thread.site.culprit


def _evidence(process: ProcessCpu, thread: ThreadCpu | None, cpu: CpuUse) -> tuple[Figure, ...]:
    figures = [
        Figure(
            "process_cores",
            f"CPU of process {process.pid}",
            round(process.cores, 2),
            "cores",
            "/proc/PID/task/TID/stat",
        ),
        Figure("machine_cores", "cores of this machine", cpu.cores_of_machine, "cores", "/proc/stat"),
        Figure("workers", "processes of this service", len(cpu.processes), "processes", "/proc"),
    ]
    if thread is not None:
        source = "/proc/PID/task/TID/stat"
        figures.append(Figure("thread_cores", f"of it thread {thread.name}", round(thread.cores, 2), "cores", source))
    return tuple(figures)


RULE = Rule(
    slug="single-core-ceiling",
    title="One process fills its one core",
    needs=(CpuUse,),
    check=check,
    page=__doc__,
)
