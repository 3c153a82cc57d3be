"""The end of a recording: what each thread was doing, for how long, and on what it waits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from spindoctor.evidence.blocked import Waits
from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.forest import forest
from spindoctor.evidence.profile import state_of
from spindoctor.evidence.variables import named
from spindoctor.model.dump import Dump, ProcessDump, ThreadDump, Threads
from spindoctor.model.process import Process
from spindoctor.model.profile import ON_CPU, State
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.sample import LoopLook, Sample, ThreadLook
from spindoctor.model.share import Share

ORDER: tuple[State, ...] = ("python", "native", "gil", "ready", "call", "idle", "await")
"""Threads that do something come first."""


def dump(recording: Recording, pids: Collection[int] = ()) -> Dump:
    """The processes with these pids, all of them where none is given; the hot one first."""
    found = [one for one in recording.processes if not pids or one.pid in pids]
    hot_first = sorted(found, key=lambda one: one.pid != recording.target.hot)
    return Dump(
        processes=tuple(_process(recording, one) for one in hot_first),
        seconds=recording.seconds,
        looks=sum(len(one.samples) for one in found),
        missed=sum(miss.count for one in found for miss in one.missed),
        others=tuple(one.pid for one in recording.processes if one not in found),
        started_at=recording.started_at,
        is_interrupted=recording.is_interrupted,
        notes=recording.notes,
    )


def _process(recording: Recording, seen: ProcessRecording) -> ProcessDump:
    process = recording.target.process(seen.pid) or Process(seen.pid, 0, 0.0, 0, "", (), "", "", "")
    reader = _Reader(seen, Waits(seen), ByThread(seen), recording.seconds or 1.0, 1 / (recording.rate_hz or 1.0))
    last = seen.task_looks[-1] if seen.task_looks else None
    return ProcessDump(
        process=process,
        cores=seen.cpu_s / (recording.seconds or 1.0),
        threads=_folded(reader.threads()),
        tasks=forest(seen),
        task_count=last.task_count if last else 0,
        missing="" if last else next((why for part, why in seen.missing if part == "tasks"), "no look at the tasks"),
        sources=seen.sources,
    )


def _folded(threads: Iterable[ThreadDump]) -> tuple[Threads, ...]:
    """Threads with the same stack in the same state together."""
    groups: dict[object, list[ThreadDump]] = {}
    for one in threads:
        alike = (one.state, one.doing, one.stack, one.route, one.is_loop, one.is_still_all_along)
        groups.setdefault(alike, []).append(one)
    order = sorted(groups.values(), key=lambda found: (ORDER.index(found[0].state), -found[0].cores))
    return tuple(Threads(tuple(found)) for found in order)


@dataclass(frozen=True, slots=True)
class _Reader:
    seen: ProcessRecording
    waits: Waits
    looks: ByThread
    seconds: float
    step_s: float

    def threads(self) -> list[ThreadDump]:
        if not self.seen.samples:
            return []
        uses = {use.tid: use for use in self.seen.threads}
        looks = {look.tid: look for look in self.seen.samples[-1].threads}
        return [self._thread(tid, uses.get(tid)) for tid in looks]

    def _thread(self, tid: int, use: ThreadUse | None) -> ThreadDump:
        sample, look, loop = self._last_whole(tid)
        state = state_of(look, loop, self.step_s, use.loop_epoll if use else None)
        still_s, is_all = self._still(tid, look)
        doing, waits_on = self.waits.words(sample, look, state, still_s=still_s)
        return ThreadDump(
            tid=tid,
            name=(use.name or use.kernel_name) if use else "",
            state=state,
            doing=doing,
            waits_on=waits_on,
            cores=use.cpu_s / self.seconds if use else 0.0,
            on_cpu=self._on_cpu(tid),
            stack=look.stack,
            is_loop=bool(use and use.loop is not None),
            is_complete=look.is_complete,
            still_s=still_s,
            is_still_all_along=is_all,
            route=str(look.route) if look.route else None,
            task=self.waits.task_name(loop),
            locals=named(self.seen, look.stack, tid=tid),
        )

    def _last_whole(self, tid: int) -> tuple[Sample, ThreadLook, LoopLook | None]:
        """The last look at the thread that got its stack; where none did, the last."""
        found: tuple[Sample, ThreadLook, LoopLook | None] | None = None
        for sample in reversed(self.seen.samples):
            look = self.looks.at(sample.at_s, tid)
            if look is None:
                break
            here = (sample, look, next((one for one in sample.loops if one.tid == tid), None))
            found = found or here
            if look.is_complete:
                return here
        return found or (self.seen.samples[-1], ThreadLook(tid), None)

    def _still(self, tid: int, last: ThreadLook) -> tuple[float | None, bool]:
        """Since when the thread has neither run nor moved, and whether that is since the first look."""
        if last.call is None:
            return None, False
        end_s = since_s = self.seen.samples[-1].at_s
        for sample in reversed(self.seen.samples):
            look = self.looks.at(sample.at_s, tid)
            if look is None or (look.stack, look.call) != (last.stack, last.call):
                return end_s - since_s, False
            since_s = sample.at_s
            if look.ran_ns:
                return end_s - since_s, False
        return end_s - since_s, True

    def _on_cpu(self, tid: int) -> Share:
        states = [
            state_of(look, next((one for one in sample.loops if one.tid == tid), None), self.step_s)
            for sample, look in self.looks.seen(tid)
        ]
        return Share(sum(state in ON_CPU for state in states), len(states))
