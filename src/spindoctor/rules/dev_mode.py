"""A development setting is on in production.

## What we saw
One of these: an event loop in asyncio's debug mode; a thread that keeps the modification times of the program's source
files, and so has to ask for them again and again (a reloader that polls); the mark that a reloader leaves on a command
line or in an environment; an application object whose own `debug` is on; a trace or profile function, which a thread
calls at every line or call of its code (a debugger, a coverage measurement or a profiler that was left on). What the
setting costs is counted: looks on the CPU that fell into its own work.

## Why it hurts
In debug mode asyncio extracts a stack for each future, task and callback that it makes, which can cost several times
what the work itself does. A polling reloader asks the kernel for the state of every source file several times a second,
in the parent process or in a thread beside the service. A function that is called at each line of a program can make
all of it several times slower. And a debug setting shows internals to whoever asks.

## What to do
Start the service without it: no `--reload`, no `debug=True`, no `-X dev`, no `PYTHONASYNCIODEBUG`. Where code must be
reloaded, let a reloader wait for the kernel's own notices (inotify: `watchfiles`, `watchdog`) instead of polling. End
tracing where it was begun (`sys.settrace(None)`, `sys.setprofile(None)`), in a `finally`.

## False alarms
A setting that costs nothing that can be measured is information: on a developer's machine it is right.

## Missed alarms
The debug mode of a loop written in C (uvloop) shows only by how the process was started. A reloader that polls on an
event loop between its callbacks, and application objects that are made inside a function, are not seen. What a trace
function in C takes (coverage's, cProfile's up to 3.11) is in the lines that it is called for and cannot be told apart:
it is information. Tools of `sys.monitoring` (3.12+) are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from spindoctor import knowledge
from spindoctor.model.counting import count
from spindoctor.model.outcome import Clear, Cost, Culprit, Figure, Finding, Found, Outcome
from spindoctor.model.rule import Rule
from spindoctor.model.settings import DevSetting, DevSettings, StartedAs

COSTS_CORES = 0.05
"""A twentieth of a core, by the lower bound of its share: below that nobody is slower for it."""

RELOADS = frozenset({"--reload", "--auto-reload", "--autoreload"})
"""Options that ask for a reloader by their plain meaning; counted only where the process has started itself again."""

WHAT = {
    "asyncio debug": "the event loop runs in asyncio's debug mode",
    "reloader": "a reloader polls the source files",
    "application debug": "an application's debug setting is on",
    "trace function": "a trace function is called for every line that runs",
    "profile function": "a profile function is called for every call and return",
}
"""What each kind is, as a claim begins."""

FIXES = {
    "asyncio debug": "Turn the debug mode off: no PYTHONASYNCIODEBUG, no -X dev, no debug=True, no set_debug(True).",
    "reloader": "Start the service without its reloader, or with one that waits for the kernel's notices (watchfiles).",
    "application debug": "Turn the application's debug setting off where others can reach it.",
    "trace function": "End the tracing: sys.settrace(None) in each thread, in a finally; no debugger or coverage here.",
    "profile function": "End the profiling: sys.setprofile(None) in each thread, in a finally; profile from outside.",
}
"""What ends each kind."""


def check(settings: DevSettings) -> Outcome:
    """Found for each setting that is on: a warning where it costs CPU, else information."""
    findings = [_finding(one) for one in settings.settings]
    findings += _known(settings)
    if findings:
        return Found(tuple(sorted(findings, key=lambda one: (one.severity == "info", -one.cost.cores))))
    return Clear(
        f"{count(settings.loops, 'event loop')}, none in debug mode; no reloader in "
        f"{count(len(settings.processes), 'process', 'processes')}"
    )


def _finding(one: DevSetting) -> Finding:
    costs = _costs(one)
    return Finding(
        claim=f"{WHAT[one.kind]} in pid {one.pid} ({one.shown_by}){_spent(one) if costs else ''}",
        severity="warning" if costs else "info",
        confidence="high",
        cost=Cost(cores=one.cores),
        culprit=_culprit(one),
        culprits=(one.site.culprit,) if one.site and one.turned_on else (),
        evidence=_evidence(one),
        against=() if costs else (_unseen(one),),
        fix=(FIXES[one.kind],),
        explains="CPU that does no work for anybody" if costs else "nothing: it is worth knowing",
        would_change="a start without the setting that uses as much CPU under the same load",
        candidates=one.candidates,
    )


def _costs(one: DevSetting) -> bool:
    """Whether it costs CPU worth speaking of: of a function called by the way its own lines are the least part.

    A thread that used 0.15 cores used 0.7 to do the same with a trace function of two lines (3.8 and 3.12): to call it
    is more than what it does.
    """
    if one.calls and one.calls.file:
        return one.thread_cores >= COSTS_CORES
    return one.inside.low * one.thread_cores >= COSTS_CORES


def _spent(one: DevSetting) -> str:
    if one.calls:
        there = f"thread {one.thread}" if one.threads == 1 else f"{one.threads} threads, the busiest {one.thread}"
        return f"; set in {there}, which used {one.thread_cores:.2f} cores, at least {one.cores:.2f} of them for it"
    return f"; its own work takes {one.cores:.2f} cores, {one.inside} at {one.thread} on the CPU"


def _unseen(one: DevSetting) -> str:
    if one.calls and not one.calls.file:
        return "it is written in C: what it takes is part of the lines it is called for, and cannot be told apart"
    return "no CPU worth speaking of was seen to go into it"


def _culprit(one: DevSetting) -> Culprit:
    """Who turned it on, where that is known; else what is called by the way, or where it costs most."""
    place = one.turned_on or next(iter(one.candidates), None)
    if place:
        return Culprit(
            pid=one.pid, thread=one.thread, function=place.function, file=place.file, line=place.line,
            note="turned on here" if one.turned_on else "may be turned on here",
        )  # fmt: skip
    if one.calls and one.calls.file:
        called = one.calls
        return Culprit(
            pid=one.pid, thread=one.thread, function=called.function, file=called.file, line=called.line,
            note="this is called",
        )  # fmt: skip
    return one.site.culprit if one.site else Culprit(pid=one.pid, thread=one.thread)


def _evidence(one: DevSetting) -> tuple[Figure, ...]:
    figures = [Figure("setting", "what shows it", one.shown_by, "", "memory")]
    if one.calls:
        figures.append(Figure("threads", "threads that call it", one.threads, "threads", "memory"))
    if one.inside.of and not (one.calls and not one.calls.file):
        figures.append(Figure("inside", "looks on the CPU in its own work", str(one.inside), "", "stacks"))
        figures.append(Figure("cores", "CPU that goes into it", round(one.cores, 2), "cores", "stacks and CPU clocks"))
    if one.files:
        figures.append(Figure("files", "source files it keeps the times of", one.files, "files", "memory"))
    return tuple(figures)


def _known(settings: DevSettings) -> list[Finding]:
    """Reloaders known by their marks, unless one was seen at work in this family."""
    if any(one.kind == "reloader" for one in settings.settings):
        return []
    known = knowledge.reloads()
    found = [finding for process in settings.processes for one in known for finding in _marks(process, one)]
    plain = knowledge.Reload("a plain option", options=tuple(RELOADS))
    parents = [one for one in settings.processes if one.has_children]
    found = found or [finding for process in parents for finding in _marks(process, plain)]
    return sorted(found, key=lambda one: -one.cost.cores)[:1]


def _marks(process: StartedAs, one: knowledge.Reload) -> Iterator[Finding]:
    shown = _shown_by(process, one)
    cores = sum(cores for name, cores in process.threads if one.thread and name.startswith(one.thread))
    if not shown:
        return
    costs = one.polls and cores >= COSTS_CORES
    yield Finding(
        claim=f"a reloader is on in pid {process.pid} ({shown})"
        + (f"; its native thread takes {cores:.2f} cores" if costs else ""),
        severity="warning" if costs else "info",
        confidence="high",
        cost=Cost(cores=cores),
        culprit=Culprit(pid=process.pid, thread=_thread(process, one)),
        evidence=(
            Figure("setting", "what shows it", shown, "", "/proc/PID"),
            Figure("cores", "CPU of its native threads", round(cores, 2), "cores", "/proc/PID/task/TID/stat"),
        ),
        against=() if costs else ("no CPU worth speaking of was seen to go into it",),
        fix=(FIXES["reloader"],),
        explains="CPU that does no work for anybody" if costs else "nothing: it is worth knowing",
        would_change="a start without the setting that uses as much CPU under the same load",
    )


def _shown_by(process: StartedAs, one: knowledge.Reload) -> str:
    """By which mark a reloader shows; empty where it does not."""
    if one.options:
        option = next((each for each in process.command if each in one.options), "")
        return f"{option} on the command line" if option and one.program in " ".join(process.command) else ""
    if one.environment and one.environment in process.environment:
        return f"{one.environment} in the environment"
    return f"thread {thread}: {one.name}" if (thread := _thread(process, one)) else ""


def _thread(process: StartedAs, one: knowledge.Reload) -> str | None:
    return next((name for name, _ in process.threads if one.thread and name.startswith(one.thread)), None)


RULE = Rule(
    slug="dev-mode",
    title="A development setting is on",
    needs=(DevSettings,),
    check=check,
    page=__doc__,
    explains=(
        "cpu-bound-on-loop",
        "callback-storm",
        "polling-thread",
        "hot-thread",
        "gil-contention",
        "single-core-ceiling",
    ),
)
