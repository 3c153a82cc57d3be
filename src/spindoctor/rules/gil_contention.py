"""Several threads have work to do and share one GIL.

## What we saw
Threads were found waiting for the GIL: asleep on the GIL's own futex while another thread ran Python code. Waiting for
the GIL burns nothing by itself; what burns is the thread that has it.

## Why it hurts
A thread that computes gives the GIL up only every 5 ms, so an event loop that wants to run for 50 microseconds waits
5 ms first, again and again: a request that took 1 ms takes 50 to 100.

## What to do
Move the computation of the threads named here to processes, or to native code that releases the GIL. More threads, and
`asyncio.to_thread`, make it worse.

## False alarms
Single short waits are normal with any two threads. A thread that waits for a lock of its own, or for a CPU, does not
count: only the GIL's own futex does. CPU of native code that has given up the GIL keeps nobody waiting and is left out.
Where a queue stands in every third look, but less than one thread waits on average and no event loop does, nothing is
found and nothing cleared: a batch may take its time.

## Missed alarms
On builds whose GIL sleeps elsewhere the waits cannot be told apart and the answer is that there were none.
"""

from __future__ import annotations

from spindoctor.model.cpu import Gil, GilThread, GilUse
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome, Unsure
from spindoctor.model.rule import Rule

MIN_LOOKS = 50
"""Below this a share of 10 % cannot be told from 25 %."""

MIN_LOOP_WAIT = 0.10
"""A loop that stands in the queue for the GIL a tenth of the time is late for every request."""

MIN_WAITERS = 1.0
"""Where on average one thread or more waits, the GIL is the bottleneck even without an event loop."""

MIN_CONTENDED = 0.5
"""Single short waits are normal; half of the looks with a waiter are a queue."""

OFTEN_WANTED = 1 / 3
"""A thread that waits in every third look is no figure to clear it with, though none to find it by."""

MIN_CORES = 0.5
"""A GIL that is fought over is held most of the time; on a shared machine by half a core at least."""

ALWAYS_HELD = 0.9
"""Lower bound: where others take the CPU, threads that compute get less of it than that, and the GIL is not free for a
moment all the same. Work that comes and goes leaves it free in between."""

WORKS_CORES = 0.05
"""Below 5 % of a core with the GIL in its hand a thread does not keep others from it."""

ONE_GIL = 1.0
"""Whoever computes with the GIL: one at a time has it."""


def check(gils: GilUse) -> Outcome:
    """Found for each process in which an event loop, or threads in general, wait for the GIL."""
    enough = [gil for gil in gils.processes if gil.looks >= MIN_LOOKS]
    if not enough:
        return Unsure(f"{gils.most} looks at a GIL; {MIN_LOOKS} are needed: look for longer (--seconds)")
    findings = [finding for gil in enough if (finding := _finding(gil))]
    if findings:
        return Found(tuple(findings))
    if wanted := [gil for gil in enough if _is_wanted(gil)]:
        return Unsure(_accused(wanted[0]), is_sign=True)
    return Clear("; ".join(f"pid {gil.pid}: a thread waited for it in {gil.contended}" for gil in enough))


def _is_wanted(gil: Gil) -> bool:
    """Whether somebody stands in a queue for it often while others work with it."""
    return gil.contended.low >= OFTEN_WANTED and bool(_workers(gil))


def _accused(gil: Gil) -> str:
    workers = ", ".join(_worker(thread) for thread in _workers(gil)[:3])
    return (
        f"a thread of process {gil.pid} waited for the GIL in {gil.contended}, {gil.waiters:.2f} on average, while "
        f"others had it ({workers}): what waits takes so much longer, and whether anybody waits for its result "
        "could not be told"
    )


def _workers(gil: Gil) -> list[GilThread]:
    return [thread for thread in gil.threads if thread.gil_cores >= WORKS_CORES]


def _worker(thread: GilThread) -> str:
    culprit = _culprit(thread)
    where = f" in {culprit.function}:{culprit.line}" if culprit.function else ""
    return f"{thread.name}, {thread.gil_cores:.2f} cores{where}"


def _finding(gil: Gil) -> Finding | None:
    cores = sum(thread.cores for thread in gil.threads)
    late = [thread for thread in gil.threads if thread.is_loop and thread.waits.low >= MIN_LOOP_WAIT]
    crowded = gil.waiters >= MIN_WAITERS and gil.contended.low >= MIN_CONTENDED
    workers = [thread for thread in _workers(gil) if thread not in late]
    is_full = cores >= MIN_CORES or gil.held.low >= ALWAYS_HELD
    if not is_full or not workers or not (late or crowded):
        return None
    loop_wait = max((thread.waits.ratio for thread in late), default=0.0)
    return Finding(
        claim=_claim(gil, late, workers),
        severity="critical" if loop_wait >= MIN_CONTENDED else "warning",
        confidence="high",
        cost=Cost(cores=_held_cores(workers), loop_share=loop_wait, waiting=round(gil.waiters)),
        culprit=_culprit(workers[0]),
        culprits=tuple(_culprit(thread) for thread in workers[1:4]),
        evidence=_evidence(gil, late),
        fix=(
            "Move the computation of these threads to a process pool, or to native code that releases the GIL; "
            "to_thread and more threads share the same GIL.",
        ),
        now=("The waiting lasts as long as these threads compute; those that compute in an endless loop never stop.",),
        explains="the latency of everything that needs the GIL for a moment, the event loop above all",
        would_change="threads that wait on another futex than the GIL's",
    )


def _held_cores(workers: list[GilThread]) -> float:
    return min(ONE_GIL, sum(thread.gil_cores for thread in workers))


def _claim(gil: Gil, late: list[GilThread], workers: list[GilThread]) -> str:
    who = f"{len(workers)} threads that compute" if len(workers) > 1 else f"thread {workers[0].name}, which computes,"
    verb = "keep" if len(workers) > 1 else "keeps"
    if late:
        return f"{who} {verb} the GIL of process {gil.pid} from its event loop, which waited for it in {late[0].waits}"
    return f"{who} of process {gil.pid} share one GIL: {gil.waiters:.1f} threads waited for it on average"


def _culprit(thread: GilThread) -> Culprit:
    if thread.site is None:
        return Culprit(pid=thread.pid, thread=thread.name)
    return thread.site.culprit


def _evidence(gil: Gil, late: list[GilThread]) -> tuple[Figure, ...]:
    futex = "/proc/PID/task/TID/syscall: futex address inside the GIL"
    figures = [Figure("waiters", "threads that waited for the GIL on average", round(gil.waiters, 2), "threads", futex)]
    figures.append(Figure("contended", "looks in which a thread waited for it", str(gil.contended), "", futex))
    if gil.held.of:
        figures.append(Figure("held", "looks in which a thread had it", str(gil.held), "", "interpreter"))
    figures.append(Figure("switches", "times a second it changed hands", round(gil.switches_per_s), "1/s", "GIL"))
    figures.extend(
        Figure("loop_waits", f"event loop {one.name} waited for it", str(one.waits), "", futex) for one in late
    )
    busy = [thread for thread in gil.threads if thread.gil_cores >= WORKS_CORES]
    figures.extend(
        Figure(
            f"cores_{thread.tid}",
            f"CPU of thread {thread.name} with the GIL in its hand",
            round(thread.gil_cores, 2),
            "cores",
            "/proc/PID/task/TID/stat",
        )
        for thread in busy
    )
    return tuple(figures)


RULE = Rule(
    slug="gil-contention",
    title="Threads that compute share one GIL",
    needs=(GilUse,),
    check=check,
    page=__doc__,
)
