"""Who waits for the GIL, and who runs meanwhile."""

from __future__ import annotations

from spindoctor.evidence.by_thread import ByThread
from spindoctor.evidence.cpu import looks_with_gil, running_moments
from spindoctor.evidence.sites import Namer, group
from spindoctor.model.cpu import Gil, GilThread, GilUse
from spindoctor.model.facts import Site
from spindoctor.model.recording import ProcessRecording, Recording, ThreadUse
from spindoctor.model.rule import Missing
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.share import NO_LOOKS, Share


def gil_use(recording: Recording) -> GilUse | Missing:
    """The struggle for each process's GIL. A waiter is a thread that sleeps on the GIL's own futex."""
    seen = [one for one in recording.processes if one.samples and one.has_gil]
    if not seen:
        return Missing("no look at the threads succeeded, or this build has no GIL")
    found = tuple(
        _of_process(process, recording.seconds, stood=bool(recording.machine.throttled_s)) for process in seen
    )
    return GilUse(tuple(sorted(found, key=lambda one: one.waiters, reverse=True)), sum(one.looks for one in found))


def _of_process(process: ProcessRecording, seconds: float, *, stood: bool) -> Gil:
    """`stood`: a quota stopped all threads at times; whoever had the GIL then kept it, and computed nothing."""
    of = len(process.samples)
    waits = [sum(1 for look in sample.threads if look.waits_for_gil) for sample in process.samples]
    switches = process.samples[-1].gil_switches - process.samples[0].gil_switches
    namer, looks = Namer(process), ByThread(process)
    threads = [_thread(looks, use, seconds, namer) for use in process.threads]
    return Gil(
        pid=process.pid,
        looks=of,
        switches_per_s=max(0, switches) / seconds if seconds else 0.0,
        contended=Share(sum(1 for count in waits if count), of),
        waiters=sum(waits) / of,
        threads=tuple(sorted(threads, key=lambda one: (one.cores, one.waits.count), reverse=True)),
        held=NO_LOOKS if stood else Share(sum(_is_held(sample) for sample in process.samples), of),
    )


def _is_held(sample: Sample) -> bool:
    """Whether a thread has the GIL that works, or would if it got a CPU: who sleeps with it does neither."""
    return any(look.has_gil and look.call is None for look in sample.threads)


def _thread(by_thread: ByThread, use: ThreadUse, seconds: float, namer: Namer) -> GilThread:
    looks = by_thread.looks(use.tid)
    cores = use.cpu_s / seconds if seconds else 0.0
    return GilThread(
        pid=by_thread.process.pid,
        tid=use.tid,
        name=use.name or use.kernel_name,
        waits=Share(sum(1 for look in looks if look.waits_for_gil), len(looks)),
        cores=cores,
        is_loop=use.loop is not None,
        site=_wants_it_at(by_thread, use.tid, namer) if any(map(_wants_it, looks)) else None,
        has_gil=looks_with_gil(by_thread, use, cores),
    )


def _wants_it_at(looks: ByThread, tid: int, namer: Namer) -> Site | None:
    """Where the thread runs, or would run if it had the GIL."""
    seen = running_moments(looks, tid)
    wants = [moment for moment in seen if _wants_it(moment.look)]
    return next(iter(group(wants, namer, tid, len(seen))), None)


def _wants_it(look: ThreadLook) -> bool:
    return look.waits_for_gil or (look.ran_ns > 0 and not look.call)
