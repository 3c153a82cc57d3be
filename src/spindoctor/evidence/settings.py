"""Development settings that are on, each with the looks on the CPU that fell into its own work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from spindoctor.evidence.sites import Moment, Namer, group
from spindoctor.model.frames import Frame, Stack
from spindoctor.model.process import Target
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.rule import Missing
from spindoctor.model.sample import ThreadLook
from spindoctor.model.settings import DevSetting, DevSettings, StartedAs
from spindoctor.model.share import Share
from spindoctor.model.switches import Switch, WatchedFiles

EXTRACTS = "extract_stack"
EXTRACTS_FILE = "asyncio/format_helpers.py"
"""In debug mode a stack is extracted for each future, task and callback that is made: by this function, or by that of
`traceback` where they are made in C (Modules/_asynciomodule.c)."""

TRACEBACK_FILE = "/traceback.py"
READS_STACKS = frozenset({"extract_stack", "extract", "_extract_from_extended_frame_gen"})
SHAPE = "asyncio-debug"


def dev_settings(recording: Recording) -> DevSettings | Missing:
    """All settings that were read off the family, the costliest first."""
    if not recording.looks:
        return Missing("no look at the threads succeeded")
    found = [one for process in recording.processes for one in _of_process(process, recording.seconds)]
    return DevSettings(
        settings=tuple(sorted(found, key=lambda one: one.cores, reverse=True)),
        processes=tuple(_started(recording.target, one, recording.seconds) for one in recording.processes),
        loops=sum(use.loop is not None for process in recording.processes for use in process.threads),
    )


def _started(target: Target, process: ProcessRecording, seconds: float) -> StartedAs:
    known = target.process(process.pid)
    threads = tuple((use.kernel_name, use.cpu_s / seconds if seconds else 0.0) for use in process.threads)
    return StartedAs(
        process.pid,
        known.command if known else (),
        known.environment if known else (),
        threads,
        has_children=any(one.parent_pid == process.pid for one in target.processes),
    )


def _of_process(process: ProcessRecording, seconds: float) -> Iterator[DevSetting]:
    called: dict[tuple[str, Frame], list[Switch]] = {}
    for switch in process.switches:
        if switch.calls:
            called.setdefault((switch.kind, switch.calls), []).append(switch)
        else:
            yield _switch(process, switch, seconds)
    for (_, function), set_in in called.items():
        yield _tracer(process, function, set_in, seconds)
    for watched in process.watched_files:
        yield _reloader(process, watched, seconds)


def _switch(process: ProcessRecording, switch: Switch, seconds: float) -> DevSetting:
    if switch.tid is None:
        return DevSetting(switch.kind, process.pid, switch.shown_by)
    shapes = tuple(one for one in process.candidates if one.shape == SHAPE and not switch.from_start)
    plain = DevSetting(switch.kind, process.pid, switch.shown_by, turned_on=switch.turned_on, candidates=shapes)
    return _with_cost(plain, process, [switch.tid], _reads_a_stack, seconds)


def _tracer(process: ProcessRecording, function: Frame, set_in: list[Switch], seconds: float) -> DevSetting:
    """A function that threads call by the way: what it does itself shows if it is written in Python."""
    one, tids = set_in[0], [switch.tid for switch in set_in if switch.tid is not None]
    shape = f"{one.kind.replace(' ', '-')}-set"
    shapes = tuple(place for place in process.candidates if place.shape == shape)
    plain = DevSetting(one.kind, process.pid, one.shown_by, candidates=shapes, threads=len(tids), calls=function)
    runs = (function.file, function.function)
    return _with_cost(plain, process, tids, lambda stack: bool(function.file) and _calls(stack, runs), seconds)


def _reloader(process: ProcessRecording, watched: WatchedFiles, seconds: float) -> DevSetting:
    holder = (watched.holder.file, watched.holder.function)
    shown = (
        f"{watched.holder.function} keeps in {watched.name} when {watched.count} files like {watched.example} changed"
    )
    plain = DevSetting("reloader", process.pid, shown, files=watched.count)
    return _with_cost(plain, process, [watched.tid], lambda stack: _calls(stack, holder), seconds)


def _with_cost(
    setting: DevSetting,
    process: ProcessRecording,
    tids: Collection[int],
    is_inside: Callable[[Stack], bool],
    seconds: float,
) -> DevSetting:
    """The setting with the looks at its threads on the CPU, and those of them for which `is_inside`."""
    namer = Namer(process)
    running = [(sample.at_s, look) for sample in process.samples for look in sample.threads if _runs(look, tids)]
    inside = [
        Moment(at_s, look, look.stack, number) for number, (at_s, look) in enumerate(running) if is_inside(look.stack)
    ]
    uses = [one for one in process.threads if one.tid in tids]
    hottest = max(uses, key=lambda use: use.cpu_s).tid if uses else next(iter(tids))
    return replace(
        setting,
        thread=namer.threads.get(hottest),
        inside=Share(len(inside), len(running)),
        thread_cores=sum(use.cpu_s for use in uses) / seconds if seconds else 0.0,
        site=next(iter(group(inside, namer, hottest, len(running))), None),
    )


def _calls(stack: Stack, function: tuple[str, str]) -> bool:
    return any((frame.file, frame.function) == function for frame in stack)


def _runs(look: ThreadLook, tids: Collection[int]) -> bool:
    return look.tid in tids and look.ran_ns > 0 and look.call is None and bool(look.stack)


def _reads_a_stack(stack: Stack) -> bool:
    """Whether a stack is extracted for the loop's books; for exceptions, other functions of `traceback` ask."""
    if any(_name(frame) == EXTRACTS and frame.file.endswith(EXTRACTS_FILE) for frame in stack):
        return True
    outermost = next((frame for frame in reversed(stack) if frame.file.endswith(TRACEBACK_FILE)), None)
    return outermost is not None and _name(outermost) in READS_STACKS


def _name(frame: Frame) -> str:
    return frame.function.rpartition(".")[2]
