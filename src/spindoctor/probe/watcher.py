"""Looks at one process, again and again, without stopping it.

A thread that has used no CPU and run no slice since the look before is where it was: its stack is not read again.
Of the others the system call is read before and after the stack; only if both show the same sleep was the thread asleep
all along. What a thread has used is always asked before its stack is copied: what it does in between shows next time.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.stacks import IDLE, RawStack
from spindoctor.errors import Gone, Misread
from spindoctor.model.closeup import ORDINARY, Extras
from spindoctor.model.frames import Frame
from spindoctor.model.process import Process
from spindoctor.model.recording import ProcessRecording, ThreadUse
from spindoctor.model.routes import Route
from spindoctor.model.sample import TORN, LoopLook, Missed, Sample, SystemCall, ThreadLook
from spindoctor.model.tasks import TaskLook
from spindoctor.probe.applications import OwnCode
from spindoctor.probe.baseline import Baseline, attach
from spindoctor.probe.batches import Ahead, Batches, Pace, Parts
from spindoctor.probe.closeup import CloseUp, CloseUpReader
from spindoctor.probe.hot import HotWatch
from spindoctor.probe.identity import LastCpu
from spindoctor.probe.imported import Imported
from spindoctor.probe.interpreter import Gil
from spindoctor.probe.last_look import LastLook
from spindoctor.probe.locks import Scene
from spindoctor.probe.loops import LoopWatch, with_overdue
from spindoctor.probe.other_loops import OtherLoops
from spindoctor.probe.pipes import Watched
from spindoctor.probe.processes import ProcessCounters
from spindoctor.probe.reactors import epoll_of, may_wait
from spindoctor.probe.roster import Roster
from spindoctor.probe.rounds import RoundWatch
from spindoctor.probe.runners import Runners
from spindoctor.probe.settings import Path, SettingsReader
from spindoctor.probe.stops import halt, until_stop
from spindoctor.probe.tasks import TaskReader
from spindoctor.probe.threads import ThreadCalls
from spindoctor.probe.waits import WaitReader, reason

MOST_ROUTES = 500


class ProcessWatch:
    """One process under observation. Not for more than one thread of ours."""

    def __init__(
        self,
        process: Process,
        is_user: Callable[[Frame], bool],
        extras: Extras = ORDINARY,
        leader: Process | None = None,
    ) -> None:
        """Attach; `is_user` tells the user's own code, `leader` is the process that the whole service began with.

        Raises:
            DoctorError: the process is gone, its memory is closed to us, or its Python is not one we know.
        """
        self.process = process
        self.pid = process.pid
        self._extras = extras
        self.interpreter = attach(process)
        self._runners = Runners(process.pid)
        self._calls = ThreadCalls(process.pid)
        self._baseline = Baseline(self.interpreter)
        self._cpu = LastCpu(process.pid)
        self._last = LastLook()
        self._roster = Roster(self.interpreter)
        self._loops: dict[int, LoopWatch] = {}
        self._others = OtherLoops(self.interpreter)
        self._rounds = RoundWatch(self.interpreter, is_user)
        self._tasks = TaskReader(self.interpreter, reads_all=extras.ends_close)
        self._hot = HotWatch(self.interpreter)
        parts = Parts(self._runners, self._roster, self._last, self._calls, self._tasks)
        self._batches = Batches(self.interpreter, parts, asks_routes=extras.asks_routes)
        self._tasks_seen_at = -1
        self.samples: list[Sample] = []
        self.task_looks: list[TaskLook] = []
        self.missed: Counter[str] = Counter()
        self._waits = WaitReader(self.interpreter, is_user, self.missed)
        self._routes: dict[Frame, Route] = {}
        self.ended: str | None = None
        self._settings = SettingsReader(self.interpreter)
        self.imported = Imported(self.interpreter)
        self.own_code = OwnCode(self.interpreter, self.imported, is_user, (process, leader or process))

    def look(self, at_s: float, approach: Callable[[int | None], bool]) -> None:
        """Make one look, after a torn one again from its thread's CPU (`approach`); a failed one counts as missed."""
        try:
            missed, sample = self.missed[TORN], self._look(at_s)
            torn = self._last.torn or self._hot.unclear(at_s, self._last.fresh, self._last.stacks)
            if torn is not None and approach(self._cpu.read(torn)):
                self.missed[TORN] = missed
                sample = self._look(at_s)
            self.samples.append(sample)
            self._runners.settle()
            if not self._extras.is_brief:
                self._hot.follow(at_s, self._last.fresh.values(), self._last.stacks, self._roster.states, self._loops)
        except Misread as misread:
            self.missed[reason(misread)] += 1
            self._roster.clear()
            self.ended = self._baseline.fate()
        except Gone:
            self.ended = self._baseline.end()

    def look_ahead(self, pace: Pace, number: int, most: int) -> Ahead | None:
        """Make the next looks in one go, where that can be done; None where Python must make the next one."""
        return None if self._others.may_be else self._batches.run(self, self._loops, pace, number, most)

    def _look(self, at_s: float) -> Sample:
        ran = self._runners.look(at_s)
        before = self._prepare(ran)
        self.interpreter.take()
        try:
            gil = self.interpreter.gil()
            further = self._runners.look_further(at_s, gil.switch_number)
            if further:
                before |= self._prepare(further)
                self.interpreter.take()
                gil = self.interpreter.gil()
            sample = self._sample(at_s, ran | further, before, gil)
        finally:
            self.interpreter.drop()
        return self.with_requests(sample) if self._extras.asks_routes else sample

    def _prepare(self, ran: dict[int, int]) -> dict[int, SystemCall | None]:
        """Get to know threads that are new, and have them looked at; the system calls that these threads wait in."""
        if not self._roster.knows(ran):
            with self.interpreter.by_pages():
                found = self._roster.read(ran)
            self._runners.adopt(found)
            ran |= dict.fromkeys(found - ran.keys(), 0)
            self._find_loops()
        return self._calls.look(ran)

    def _sample(self, at_s: float, ran: Mapping[int, int], before: Mapping[int, SystemCall | None], gil: Gil) -> Sample:
        is_collecting = self.interpreter.is_collecting()
        fresh = self._last.fresh = self._read_moved(ran, before, gil)
        self._last.looks |= fresh
        self.settle(fresh, gil)
        loops = [self.loop_look(tid, is_fresh=tid in fresh) for tid in self._loops if tid in self._last.looks]
        return Sample(
            at_s=at_s,
            threads=tuple(self._last.looks.values()),
            loops=(*(one for one in loops if one), *self._others.looks(self._last.stacks, self._last.looks)),
            is_collecting=is_collecting,
            gil_switches=gil.switch_number,
        )

    def settle(self, fresh: Mapping[int, ThreadLook], gil: Gil) -> None:
        """Bring the looks at threads that have not run up to date: those that ran or had the GIL a look ago."""
        for tid in self._runners.ended.intersection(self._last.looks):
            del self._last.looks[tid]
        self._roster.forget(self._runners.ended)
        holder = self._roster.tids.get(gil.holder, 0)
        for tid in {*self._last.fickle, holder} - fresh.keys():
            if tid in self._last.looks:
                self._last.stand_still(tid, has_gil=bool(gil.holder) and gil.holder == self._roster.states.get(tid))
        had_gil = {self._roster.tids[gil.last_holder]} if gil.last_holder in self._roster.tids else set()
        self._runners.always = frozenset(had_gil | self._loops.keys())
        self._last.fickle = {holder, *(tid for tid, look in fresh.items() if look.ran_ns)}

    def _find_loops(self) -> None:
        """Find which threads run event loops."""
        running = self.interpreter.running_loops()
        loops = {tid: running[state] for tid, state in self._roster.states.items() if state in running}
        self._loops = {tid: self._watch(tid, loop, self._roster.states[tid]) for tid, loop in loops.items()}
        self._others.follow(self._roster.states.keys() - self._loops.keys())

    def _watch(self, tid: int, loop: int, thread: int) -> LoopWatch:
        known = self._loops.get(tid)
        is_same = known is not None and (known.loop, known.thread) == (loop, thread)
        return known if known and is_same else LoopWatch(self.interpreter, tid, loop, thread)

    def _read_moved(
        self, ran: Mapping[int, int], before: Mapping[int, SystemCall | None], gil: Gil
    ) -> dict[int, ThreadLook]:
        addresses = {tid: self._roster.states[tid] for tid in ran if tid in self._roster.states}
        stacks = self.interpreter.stacks(tuple(addresses.values())) if addresses else {}
        after = self._calls.look(ran)
        fresh: dict[int, ThreadLook] = {}
        for tid, ran_ns in ran.items():
            call = before.get(tid)
            asleep = call if call is not None and call == after.get(tid) else None
            found = stacks.get(addresses[tid]) if tid in addresses else IDLE
            fresh[tid] = self._thread_look(tid, found, ran_ns, asleep, gil)
        return fresh

    def _thread_look(
        self, tid: int, stack: RawStack | Misread | None, ran_ns: int, call: SystemCall | None, gil: Gil
    ) -> ThreadLook:
        if not isinstance(stack, RawStack):
            self.missed[TORN] += 1
            stack = RawStack((), is_complete=False)
        self._last.keep(tid, stack)
        return ThreadLook(
            tid=tid,
            stack=tuple(raw.frame for raw in stack.frames),
            ran_ns=ran_ns,
            call=call,
            waits_for_gil=bool(call and call.name == "futex" and call.arguments and gil.contains(call.arguments[0])),
            has_gil=bool(gil.holder) and gil.holder == self._roster.states.get(tid),
            is_complete=stack.is_complete,
            instruction=stack.frames[0].instruction if stack.frames else None,
            beneath=None if self._extras.is_brief or tid in self._loops else self._rounds.look(tid, stack.frames),
        )

    def loop_look(self, tid: int, *, is_fresh: bool) -> LoopLook | None:
        """Where the thread's loop stands: read now for a stack that is `is_fresh`, else as it was."""
        if is_fresh or tid not in self._last.loop_looks:
            stack = self._last.stacks.get(tid)
            if stack is None or not stack.is_complete:
                return None
            found = self._loops[tid].look(stack.frames, self._last.looks[tid].call, is_brief=self._extras.is_profile)
            if found is None:
                self.missed[TORN] += 1
                return None
            self._last.loop_looks[tid] = found
            if found.holder and found.task is None:
                self._last.holders[found.holder] = stack.frames[found.depth - 1].frame.function
        return self._last.loop_looks[tid]

    def with_requests(self, sample: Sample) -> Sample:
        """The look with the requests of the threads that have moved; read by pages, as they lie far from each other."""
        running = {loop.tid: loop.task for loop in sample.loops if loop.depth}
        with self.interpreter.by_pages():
            for tid, look in self._last.fresh.items():
                route = self._tasks.route(self._last.stacks[tid], running.get(tid))
                self._last.looks[tid] = replace(look, route=route) if route else look
        return replace(sample, threads=tuple(self._last.looks.values()))

    def look_at_tasks(self, at_s: float) -> None:
        """Make one slow look: tasks, queued callbacks, scopes, pools, and the requests that threads work for."""
        self._others.tell(self._tasks)
        if self.task_looks and self._runners.moves == self._tasks_seen_at and not self._tasks.is_searching:
            self.task_looks.append(replace(self.task_looks[-1], at_s=at_s))  # nobody ran, so nothing has changed
            return
        self._tasks_seen_at = self._runners.moves
        loops, looks = list(self._loops.values()), list(self._last.loop_looks.values())
        try:
            with self.interpreter.by_pages():
                if self._extras.is_profile:
                    self.task_looks.append(self._tasks.look_at_chains(at_s, looks))
                    return
                look = self._tasks.look(at_s, loops, self._last.there(), looks, self._last.holders)
                self.task_looks.append(self._with_waits(look, loops))
                self._last.holders = {}
                self._overdue()
                self._find_requests()
        except Misread as misread:
            self.missed[f"tasks: {reason(misread)}"] += 1
            self._tasks_seen_at = -1
        except Gone:
            self.ended = self._baseline.end()

    def _with_waits(self, look: TaskLook, loops: Sequence[LoopWatch]) -> TaskLook:
        """The slow look, with who waits for whom and at which connections."""
        roster, tasks = self._roster, self._tasks
        scene = Scene(
            self._last.frames(), tasks.chains, loops, look.pools, roster.idents, roster.owners, tasks.greenlets
        )
        return self._waits.look(look, self._last.looks.values(), scene, self._tasks.waiters)

    def read_settings(self, paths: Sequence[Path], is_wanted: Callable[[str], bool]) -> None:
        """Note the development settings that are on: known ones, and those of objects in modules that are wanted."""
        stacks = self._last.frames()
        modules = self.imported.names_of(is_wanted)
        try:
            with self.interpreter.by_pages():
                self._settings.read(self._loops.values(), stacks, self.process.environment, paths, modules)
                self._settings.read_tracers(self._roster.states)
                self._settings.seek_watched(stacks)
        except Gone:
            self.ended = self._baseline.fate()

    def seek_watched_files(self) -> None:
        """Look again for what the threads that run just now keep about source files."""
        try:
            with self.interpreter.by_pages():
                self._settings.seek_watched(self._last.running())
        except Gone:
            self.ended = self._baseline.fate()

    def _find_requests(self) -> None:
        """Note which requests the threads work for, and how many of those without an event loop do."""
        found = self._tasks.routes(tuple(self._last.stacks.values()))
        if len(self._routes) < MOST_ROUTES:
            self._routes |= found
        working = [
            stack for tid, stack in self._last.stacks.items() if tid in self._last.looks and tid not in self._loops
        ]
        self.task_looks[-1] = replace(self.task_looks[-1], thread_requests=self._tasks.requests(working))

    def _overdue(self) -> None:
        if self.samples:
            self.samples[-1] = with_overdue(self.samples[-1], self._loops)

    def close_up(self, *, with_values: bool) -> CloseUp:
        """What is read once, at the end: see `CloseUpReader`."""
        try:
            return CloseUpReader(self.interpreter, with_values).read(
                self._last.stacks, self._tasks.chains, self._last.looks
            )
        except Gone:
            self.ended = self._baseline.fate()
            return CloseUp()

    def watched(self) -> Watched:
        """This process as the last looks found it, for those who look at several at a time."""
        seen = {tid: stack.frames for tid, stack in self._last.stacks.items() if tid in self._roster.states}
        return Watched(
            self.pid, self.interpreter, self._last.looks, seen, self._tasks.chains, self._roster, self.task_looks
        )

    @property
    def hot_cpu(self) -> int | None:
        """The CPU on which the thread that ran most since the last look ran; None where none ran."""
        hot = max(self._last.fresh.values(), key=lambda look: look.ran_ns, default=None)
        return self._cpu.read(hot.tid) if hot and hot.ran_ns else None

    @property
    def busiest_ns(self) -> int:
        """CPU that the busiest thread used since the look before."""
        return max((look.ran_ns for look in self._last.fresh.values()), default=0)

    def close(self) -> None:
        """Close what is kept open."""
        self._runners.close()
        self._calls.close()
        self._cpu.close()
        self._hot.close()

    def finish(self) -> ProcessRecording:
        """All that was seen, without descriptors, packages and sources.

        The figures of a process that is gone end early.
        """
        uses, used = self._used()
        worth = may_wait(self.pid, self.samples)
        threads = tuple(self._with_loop(use, is_worth_asking=use.tid in worth) for use in uses)
        seen = ProcessRecording(
            pid=self.pid,
            samples=tuple(self.samples),
            missed=tuple(Missed(why, count) for why, count in self.missed.most_common()),
            threads=threads,
            user_s=sum(use.user_s for use in uses) if self.ended else used.user_s,
            system_s=used.system_s,
            rss_bytes=used.rss_bytes,
            major_faults=used.major_faults,
            task_looks=tuple(self.task_looks),
            collections=self._baseline.collections(),
            heap=self._baseline.heap(),
            routes=tuple(self._routes.items()),
            switches=self._settings.found,
            watched_files=self._settings.watched_files,
            ended=self.ended,
        )
        return self._hot.finish(until_stop(seen))

    def _used(self) -> tuple[tuple[ThreadUse, ...], ProcessCounters]:
        """What threads and process used; for a process that has ended, what the looks saw its threads use."""
        self.ended = self.ended or self._baseline.fate() or halt(self.pid)
        try:
            if not self.ended:
                return self._baseline.used(self._roster.names)
        except Gone:
            self.ended = self._baseline.fate()
        return tuple(self._seen_use(tid) for tid in self._baseline.threads), self._baseline.unused()

    def _seen_use(self, tid: int) -> ThreadUse:
        ran_ns = sum(look.ran_ns for sample in self.samples for look in sample.threads if look.tid == tid)
        return ThreadUse(tid, self._roster.names.get(tid, name := self._baseline.threads[tid].name), name, ran_ns / 1e9)

    def _with_loop(self, use: ThreadUse, *, is_worth_asking: bool) -> ThreadUse:
        watch = self._loops.get(use.tid)
        if watch is None and (other := self._others.with_loop(use)):
            return other
        if watch is None:
            stacks = self._last.whole.get(use.tid, {}).values() if is_worth_asking else ()
            held = (self._epoll(functools.partial(epoll_of, self.interpreter, one.frames)) for one in stacks)
            return replace(use, loop_epoll=next((fd for fd in held if fd is not None), None))
        return replace(use, loop=watch.loop, loop_type=watch.type_name, loop_epoll=self._epoll(watch.epoll_fd))

    def _epoll(self, read: Callable[[], int | None]) -> int | None:
        """The epoll that a thread waits in; None where the process has ended: nothing of its memory is left."""
        try:
            return read()
        except Gone:
            self.ended = self._baseline.end()
            return None
