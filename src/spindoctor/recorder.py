"""One look from start to end: attach to the family, look at two rates, read what is slow once, and let go."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from spindoctor.errors import DoctorError
from spindoctor.knowledge import debug_paths
from spindoctor.model.calls import CallCounts
from spindoctor.model.closeup import Extras
from spindoctor.model.origin import is_user
from spindoctor.model.process import Epoll, Machine, Neighbour, Process, Target
from spindoctor.model.recording import Candidate, ProcessRecording, Recording
from spindoctor.model.sample import Missed, failed_looks
from spindoctor.probe.among import AmongProcesses
from spindoctor.probe.baseline import sys_path, unread, version_of
from spindoctor.probe.batches import Ahead, Pace
from spindoctor.probe.closeup import CloseUp
from spindoctor.probe.descriptors import DescriptorTable, read_descriptors, read_epolls
from spindoctor.probe.family import read_stats
from spindoctor.probe.kcmp import KcmpUnavailable, find_shared_epolls
from spindoctor.probe.machine import machine, read_machine
from spindoctor.probe.neighbours import find_neighbours, find_newborn
from spindoctor.probe.packages import read_packages
from spindoctor.probe.sockets import SocketTables
from spindoctor.probe.sources import SourceReader
from spindoctor.probe.stays import waits_elsewhere, with_silences, with_stays
from spindoctor.probe.tracing import CallTracer
from spindoctor.probe.vantage import Vantage, moment
from spindoctor.probe.watcher import ProcessWatch
from spindoctor.probe.windows import functions, last_lines, windows
from spindoctor.shapes import find_shapes

MOST_PROCESSES = 16
"""Of a larger family the hottest are looked at closely; the others are counted."""

TASK_LOOKS_PER_S = 5.0
GLANCES_PER_S = 2.5
"""Slow looks where each second has a look of its own, or stacks alone are shown (the running task with each)."""

MOST_SLOW_SHARE = 0.25
"""Slow looks may take a quarter of our time: with thousands of tasks they come less often."""

LOOKS_BETWEEN_PINS = 20
"""Where another CPU is idle it takes the hot thread over as we wake. To move along at once, at every second look, cost
that thread a twentieth of its speed and next to nothing was torn: so we do it when a stack was."""

HALF_WAY = 0.5
"""Descriptors are read in the middle of the look: a spin may end before it does."""

OFTEN = "-opened-and-kept"
"""How the shapes end that many a healthy program has: they come after all others."""

MOST_MORE_READS = 3
"""In three slow looks on end the same requests were found between two connections only by design of somebody's."""

MOST_SOURCES = 200
MOST_SOURCE_LINES = 20_000

Progress = Callable[[float, str], None]


class Recorder:
    """Looks at a family of processes; a context manager that leaves nothing behind."""

    def __init__(self, target: Target, asked: int, rate_hz: float, extras: Extras) -> None:
        """Attach to the members.

        Raises:
            DoctorError: the process asked for cannot be looked at; a relative that cannot is noted.
        """
        self.rate_hz = rate_hz
        self._asked = asked
        self._leader = target.process(target.leader)
        self._extras = extras
        self._close_ups: dict[int, CloseUp] = {}
        self._traced: dict[int, tuple[CallCounts, ...]] = {}
        self._seen: dict[int, ProcessRecording] = {}
        self._notes: list[str] = []
        self._missing: dict[int, str] = {}
        self._own_cpu_s = time.process_time()
        self._vantage = Vantage()
        self.is_interrupted = False
        self._has_settings = False
        self._among = AmongProcesses()
        self._descriptors: dict[int, DescriptorTable] = {}
        self._descriptors_at_s: dict[int, float] = {}
        self._more_reads: dict[int, int] = {}
        self._epolls: dict[int, tuple[Epoll, ...]] = {}
        self._machine_before = read_machine(target.hot)
        self._stats_before = read_stats()
        self._watches = [watch for one in self._members(target) if (watch := self._attach(one))]
        self._notes += [note for watch in self._watches if (note := unread(watch.interpreter))]
        self._tracer = CallTracer([watch.pid for watch in self._watches]) if extras.counts_calls else None
        versions = {watch.pid: version_of(watch.interpreter) for watch in self._watches}
        paths = {watch.pid: sys_path(watch.interpreter) for watch in self._watches}
        known = [
            replace(one, python=versions.get(one.pid), sys_path=paths.get(one.pid, ())) for one in target.processes
        ]
        self.target = replace(target, processes=tuple(known))
        self._started_at = time.time()
        self._start_s = time.monotonic()
        self._seconds = 0.0
        self._next_pin = 1

    def _members(self, target: Target) -> list[Process]:
        first = {target.hot: 0, self._asked: 1, target.leader: 2}
        ordered = sorted(target.processes, key=lambda one: first.get(one.pid, 3))
        if len(ordered) > MOST_PROCESSES:
            self._notes.append(f"{len(ordered)} processes in this service; {MOST_PROCESSES} were looked at closely")
        return ordered[:MOST_PROCESSES]

    def _attach(self, process: Process) -> ProcessWatch | None:
        try:
            leader = self._leader
            return ProcessWatch(process, is_user, self._extras, leader)
        except DoctorError as error:
            if process.pid == self._asked:
                raise
            self._notes.append(f"process {process.pid} could not be looked at: {error.problem}")
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._vantage.leave()
        self._among.close()
        if self._tracer:
            self._tracer.close()
        for watch in self._watches:
            watch.close()

    def run(self, seconds: float, progress: Progress) -> None:
        """Look until the time is up, the target is gone, or the user interrupts."""
        self._vantage.hurry()
        with _interruptible(self):
            self._run(seconds, progress)
        self._seconds = time.monotonic() - self._start_s
        if self._extras.ends_close:
            self._look_closely()
        self._read_descriptors()
        self._read_stays()
        if self._tracer and not self.is_interrupted:
            self._count_calls(self._tracer)

    def _run(self, seconds: float, progress: Progress) -> None:
        pace = Pace(self._start_s, 1 / self.rate_hz, seconds)
        next_slow_s, number = 0.0, 0
        while (last := self._look_on(pace, number, next_slow_s)) is not None:
            now_s = time.monotonic() - self._start_s
            if now_s >= next_slow_s:
                pause_s = 1 / (GLANCES_PER_S if self._extras.is_brief else TASK_LOOKS_PER_S)
                next_slow_s = now_s + max(pause_s, self._look_at_tasks(now_s) / MOST_SLOW_SHARE)
                progress(now_s / seconds, "looking")
                self._seek_watched_files()
                self._read_connections_again()
            if now_s >= seconds * HALF_WAY:
                self._read_descriptors()
                self._read_settings()
            due = int((time.monotonic() - self._start_s) / pace.step_s)
            self._vantage.note(1, int(due > last + 1))
            number = max(last + 1, due)

    def _look_on(self, pace: Pace, number: int, next_slow_s: float) -> int | None:
        """Make one look, or with the engine those until the slow one is due; the last one's number, None at the end."""
        ahead = self._look_ahead(pace, number, next_slow_s)
        if ahead:
            number = ahead.number
            self._vantage.note(max(0, ahead.made - 1), ahead.late)
        if not ahead or ahead.is_unable:
            self._vantage.sleep_until(self._start_s + moment(number) * pace.step_s)
            now_s = time.monotonic() - self._start_s
            return number if now_s < pace.until_s and self._look(now_s, number) else None
        return number if time.monotonic() - self._start_s < pace.until_s else None

    def _look_ahead(self, pace: Pace, number: int, next_slow_s: float) -> Ahead | None:
        if not self._extras.is_profile or len(self._watches) != 1 or self._watches[0].ended:
            return None
        if number >= self._next_pin:
            self._next_pin = number + LOOKS_BETWEEN_PINS
            self._follow()
        most = math.ceil((next_slow_s - (time.monotonic() - self._start_s)) * self.rate_hz)
        return self._watches[0].look_ahead(pace, number, max(1, most))

    def _count_calls(self, tracer: CallTracer) -> None:
        self._seen |= {watch.pid: watch.finish() for watch in self._watches if watch.pid not in self._seen}
        with _interruptible(self):
            self._traced = tracer.count()

    def _look_closely(self) -> None:
        for watch in self._watches:
            if not watch.ended:
                self._seen[watch.pid] = watch.finish()  # the time that a close look takes is no part of the look
                self._close_ups[watch.pid] = watch.close_up(with_values=self._extras.reads_values)

    def _look(self, now_s: float, number: int) -> bool:
        """Look at all members once; False when none is left."""
        if number % LOOKS_BETWEEN_PINS == 1:
            self._follow()
        alive = [watch for watch in self._watches if not watch.ended]
        for watch in alive:
            watch.look(now_s, self._vantage.approach)
        return bool(alive)

    def _look_at_tasks(self, now_s: float) -> float:
        """Make the slow look at all members; the seconds of our CPU that it took."""
        before_s = time.thread_time()
        for watch in self._watches:
            if not watch.ended:
                watch.look_at_tasks(now_s)
        if not self._extras.is_brief:
            self._among.look(now_s, [watch.watched() for watch in self._watches if not watch.ended])
        return time.thread_time() - before_s

    def _follow(self) -> None:
        """Share the CPU of the thread that is hottest now."""
        hot = max(self._watches, key=lambda watch: watch.busiest_ns, default=None)
        self._vantage.follow(hot.hot_cpu if hot else None)

    def _read_descriptors(self) -> None:
        if self._descriptors or not self._extras.reads_surroundings:
            return
        self._vantage.roam()
        tables = SocketTables()
        for watch in self._watches:
            if watch.ended:
                self._missing[watch.pid] = watch.ended
                continue
            try:
                table = read_descriptors(watch.pid, tables=tables)
            except DoctorError as error:
                self._missing[watch.pid] = error.problem
                continue
            self._descriptors[watch.pid] = with_silences(watch.pid, table)
            self._descriptors_at_s[watch.pid] = time.monotonic() - self._start_s
            self._epolls[watch.pid] = read_epolls(watch.pid, table.descriptors)
            self._more_reads[watch.pid] = MOST_MORE_READS
        self._among.begin(time.monotonic() - self._start_s, self._descriptors)
        self._compare_epolls()

    def _read_connections_again(self) -> None:
        """Where those who wait now do so at connections that were not there yet, take these for the ones of this look.

        Requests that run in step have ended all together when the connections are read, or have not yet begun.
        """
        for watch in self._watches:
            table = None if watch.ended else self._descriptors.get(watch.pid)
            if table and self._more_reads[watch.pid] and waits_elsewhere(watch.task_looks, table):
                self._more_reads[watch.pid] -= 1
                with contextlib.suppress(DoctorError):
                    fresh = read_descriptors(watch.pid, tables=SocketTables())
                    self._descriptors[watch.pid] = with_silences(watch.pid, fresh)
                    self._descriptors_at_s[watch.pid] = time.monotonic() - self._start_s

    def _read_stays(self) -> None:
        """See which connections have been silent from the middle of the look to its end."""
        for watch in self._watches:
            if watch.pid in self._descriptors and not watch.ended:
                passed_s = time.monotonic() - self._start_s - self._descriptors_at_s[watch.pid]
                self._descriptors[watch.pid] = with_stays(watch.pid, self._descriptors[watch.pid], passed_s)

    def _read_settings(self) -> None:
        if self._has_settings or not self._extras.reads_surroundings:
            return
        self._has_settings = True
        for watch in self._watches:
            if not watch.ended:
                watch.read_settings(debug_paths(), watch.own_code.has)

    def _seek_watched_files(self) -> None:
        if self._has_settings:
            for watch in self._watches:
                if not watch.ended:
                    watch.seek_watched_files()

    def _compare_epolls(self) -> None:
        every = [epoll for epolls in self._epolls.values() for epoll in epolls]
        try:
            compared = find_shared_epolls(every)
        except KcmpUnavailable as error:
            self._notes.append(f"shared epolls could not be proved: {error}")
            return
        except DoctorError as error:
            self._notes.append(f"shared epolls could not be proved: {error.problem}")
            return
        self._epolls = {pid: tuple(one for one in compared if one.pid == pid) for pid in self._epolls}

    def recording(self) -> Recording:
        """All that was seen, complete in itself."""
        self._vantage.leave()
        return self._recording(tuple(self._finish(watch) for watch in self._watches))

    def glance(self) -> Recording:
        """What was seen, without packages, sources and candidates: for a look that is followed by another at once."""
        self._vantage.leave()
        return self._recording(tuple(watch.finish() for watch in self._watches))

    def _recording(self, processes: tuple[ProcessRecording, ...]) -> Recording:
        around = self._machine()
        ends = [one.ended for one in processes if one.ended]
        return Recording(
            target=self.target,
            machine=around,
            seconds=self._seconds,
            rate_hz=self.rate_hz,
            processes=processes,
            started_at=self._started_at,
            own_cpu_s=time.process_time() - self._own_cpu_s,
            is_pinned=self._vantage.is_pinned,
            is_interrupted=self.is_interrupted,
            pipe_looks=tuple(self._among.pipe_looks),
            queue_looks=tuple(self._among.queue_looks),
            shared_looks=tuple(self._among.shared_looks),
            notes=(*self._notes, *map(_birth, around.newborn), *ends),
        )

    def _machine(self) -> Machine:
        before, after = self._machine_before, read_machine(self.target.hot)
        family = {one.pid for one in self.target.processes}
        readings = self._stats_before, read_stats(), family, after.at_s - before.at_s
        return replace(
            machine(before, after),
            neighbours=find_neighbours(*readings),
            newborn=find_newborn(*readings),
            short_lived=self._among.short_lived,
        )

    def _finish(self, watch: ProcessWatch) -> ProcessRecording:
        seen = self._seen.get(watch.pid) or watch.finish()
        if self._extras.is_profile:
            return replace(seen, missed=(*seen.missed, *self._late(seen)))
        process = next(one for one in self.target.processes if one.pid == watch.pid)
        sources = SourceReader(process)
        table = self._descriptors.get(watch.pid)
        candidates = _candidates(watch, sources)
        close_up = self._close_ups.get(watch.pid, CloseUp())
        lines = last_lines(seen, sources) if self._extras.ends_close else ()
        missing = [("descriptors", self._missing[watch.pid])] if watch.pid in self._missing else []
        if table and table.is_cut:
            missing.append(("descriptors", f"{table.total} descriptors, of which {len(table.descriptors)} were read"))
        if not seen.task_looks:
            missing.append(("tasks", "no look at the tasks succeeded"))
        return replace(
            seen,
            missed=(*seen.missed, *self._late(seen)),
            descriptors=table.descriptors if table else (),
            descriptors_at_s=self._descriptors_at_s.get(watch.pid),
            descriptor_limit=table.limit if table else None,
            epolls=self._epolls.get(watch.pid, ()),
            packages=read_packages(watch.pid, process.sys_path) if not watch.ended else (),
            sources=(*windows(seen, candidates, sources), *lines),
            functions=tuple(functions(seen, sources)),
            values=close_up.values,
            polled=close_up.polled,
            traced=self._traced.get(watch.pid, ()),
            candidates=candidates,
            missing=tuple(missing),
        )

    def _late(self, seen: ProcessRecording) -> tuple[Missed, ...]:
        """Looks that were due and not made because we came too late."""
        due = int(self._seconds * self.rate_hz)
        made = len(seen.samples) + failed_looks((miss.why, miss.count) for miss in seen.missed)
        return (Missed("we came too late for it", due - made),) if due - made > 1 else ()


@contextlib.contextmanager
def _interruptible(recorder: Recorder) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        recorder.is_interrupted = True


def _birth(child: Neighbour) -> str:
    return (
        f"process {child.pid} began during the look as a child of this service, used {child.cores:.2f} cores and was "
        f"not looked at: spindoctor diagnose {child.pid}"
    )


def _candidates(watch: ProcessWatch, sources: SourceReader) -> tuple[Candidate, ...]:
    """Places in the loaded source of the user that have the shape of a known mistake."""
    found: list[Candidate] = []
    mine = watch.imported.files(watch.own_code.has)
    for file in mine[:MOST_SOURCES]:
        read = sources.read(file)
        if read and len(read[0]) <= MOST_SOURCE_LINES:
            found.extend(find_shapes("\n".join(read[0]), file))
    return tuple(sorted(found, key=lambda one: one.shape.endswith(OFTEN)))
