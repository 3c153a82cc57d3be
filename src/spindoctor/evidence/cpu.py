"""Who burned how much CPU, and where."""

from __future__ import annotations

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.sites import Moment, Namer, group, own_part
from spindoctor.model.cpu import CpuUse, ProcessCpu, ThreadCpu
from spindoctor.model.facts import Site
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.share import NO_LOOKS, Share

WORTH_A_PLACE_CORES = 0.02
"""Below 2 % of a core a thread has too few looks on the CPU (6 in 3 s at 100/s) to name a place."""

MET_AT_WORK = 0.8
"""Of the looks that its CPU time lets expect; some fall on the moment between two slices."""


def cpu_use(recording: Recording) -> CpuUse | Missing:
    """CPU by process and thread over the whole look, busiest first."""
    if recording.seconds <= 0 or not recording.processes:
        return Missing("no time passed between the first and the last reading of the CPU clocks")
    machine = recording.machine
    threads = [thread for process in recording.processes for thread in _threads(process, recording.seconds)]
    allowed = min(machine.affinity_cores, machine.quota_cores or machine.affinity_cores)
    return CpuUse(
        seconds=recording.seconds,
        cores_of_machine=machine.cores,
        allowed_cores=allowed,
        processes=_processes(recording),
        threads=tuple(sorted(threads, key=lambda one: one.cores, reverse=True)),
        machine_busy_cores=machine.busy_cores,
        steal_cores=machine.steal_cores,
        throttled_s=machine.throttled_s,
    )


def _processes(recording: Recording) -> tuple[ProcessCpu, ...]:
    roles = {one.pid: one.role for one in recording.target.processes}
    found = [
        ProcessCpu(one.pid, one.cpu_s / recording.seconds, len(one.threads), roles.get(one.pid, "worker"))
        for one in recording.processes
    ]
    return tuple(sorted(found, key=lambda one: one.cores, reverse=True))


def _threads(process: ProcessRecording, seconds: float) -> list[ThreadCpu]:
    namer, looks = Namer(process), ByThread(process)
    return [_thread(looks, use, seconds, namer) for use in process.threads]


def _thread(looks: ByThread, use: ThreadUse, seconds: float, namer: Namer) -> ThreadCpu:
    cores = use.cpu_s / seconds
    return ThreadCpu(
        pid=looks.process.pid,
        tid=use.tid,
        name=use.name or use.kernel_name,
        cores=cores,
        system_share=use.system_s / use.cpu_s if use.cpu_s else 0.0,
        sleeps_per_s=None if use.voluntary is None else use.voluntary / seconds,
        queue_wait_share=None if use.queue_wait_s is None else min(1.0, use.queue_wait_s / seconds),
        is_loop=use.loop is not None,
        site=_busiest_site(looks, use.tid, namer) if cores >= WORTH_A_PLACE_CORES else None,
        has_gil=looks_with_gil(looks, use, cores),
    )


def looks_with_gil(by_thread: ByThread, use: ThreadUse, cores: float) -> Share:
    """In how many of all looks at this thread it had the GIL; no looks where they met it too seldom at its work.

    A thread that naps thousands of times a second is met in its naps: we run when it does not.
    """
    looks = by_thread.looks(use.tid)
    at_work = sum(look.ran_ns > 0 and look.call is None and not look.waits_for_gil for look in looks)
    if not by_thread.process.has_gil or at_work < MET_AT_WORK * cores * len(looks):
        return NO_LOOKS
    return Share(sum(look.has_gil for look in looks), len(looks))


def _busiest_site(looks: ByThread, tid: int, namer: Namer) -> Site | None:
    seen = running_moments(looks, tid)
    sites = group([moment for moment in seen if moment.look.ran_ns and moment.look.call is None], namer, tid, len(seen))
    return sites[0] if sites else None


def running_moments(looks: ByThread, tid: int) -> list[Moment]:
    """All looks at one thread with a whole stack, each its own stay.

    Of a thread that runs an event loop only what the loop's callback does is kept: the functions that started the loop
    are on the stack all the time and say nothing.
    """
    return [
        Moment(sample.at_s, look, own_part(sample, look), stay=number)
        for number, (sample, look) in enumerate(looks.seen(tid))
        if look.stack
    ]
