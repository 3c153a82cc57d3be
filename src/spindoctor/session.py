"""The library's front door: wires the rooms together.

`look` makes a `Recording` of a live service, `diagnose` turns a recording into a `Report`; the one needs the target,
the other never does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from spindoctor.model.closeup import ORDINARY, Extras
from spindoctor.model.outcome import Found, Look, ProcessLine, Report
from spindoctor.model.recording import ProcessRecording, Recording

if TYPE_CHECKING:
    from spindoctor.live import Live
    from spindoctor.model.dump import Dump
    from spindoctor.model.pictures import Pictures
    from spindoctor.model.profile import Profile
    from spindoctor.model.survey import Survey

Progress = Callable[[float, str], None]
"""Called with the share of the look that is done (0 to 1) and what is being done."""


def look(
    pid: int,
    *,
    seconds: float = 3.0,
    rate_hz: float = 100.0,
    progress: Progress | None = None,
    extras: Extras = ORDINARY,
) -> Recording:
    """Look at the service that `pid` belongs to, `rate_hz` times a second for `seconds`; nothing is stopped or written.

    A KeyboardInterrupt ends the look early; what was seen so far is returned with `is_interrupted`.

    Raises:
        DoctorError: the process is gone, closed to us, no Python, or of a version we do not know.
        ValueError: no time to look in, or no look in that time.
    """
    if not (seconds > 0 and rate_hz > 0):
        text = f"seconds and rate_hz must be above 0, not {seconds} and {rate_hz}"
        raise ValueError(text)
    from spindoctor.probe.family import find_family  # noqa: PLC0415 - heavy rooms are loaded when they are used
    from spindoctor.recorder import Recorder  # noqa: PLC0415

    target = find_family(pid)
    with Recorder(target, pid, rate_hz, extras) as recorder:
        recorder.run(seconds, progress or _silent)
        return recorder.recording()


def _silent(share: float, what: str) -> None:
    """Show nothing."""
    del share, what


def diagnose(recording: Recording) -> Report:
    """Judge a recording by all rules. Needs nothing but the recording."""
    from spindoctor.evidence import gather  # noqa: PLC0415
    from spindoctor.evidence.suspects import suspects  # noqa: PLC0415
    from spindoctor.judging import judge, rank, withdraw  # noqa: PLC0415
    from spindoctor.rules import ALL_RULES  # noqa: PLC0415

    packages = {one.pid: dict(one.packages) for one in recording.processes}
    evidence = gather(recording)
    outcomes = judge(evidence, ALL_RULES, packages)
    if recording.stands_still:
        outcomes = withdraw(outcomes, f"process {recording.target.hot} was stopped all the time: nothing could show")
    return Report(
        target=recording.target,
        machine=recording.machine,
        look=_look_facts(recording),
        outcomes=outcomes,
        ranking=rank(outcomes, ALL_RULES),
        cleared=() if recording.stands_still else suspects(recording, evidence),
        processes=tuple(_line(recording, one) for one in recording.processes),
        sources=tuple(window for one in recording.processes for window in one.sources),
        notes=recording.notes,
        titles={rule.slug: rule.title for rule in ALL_RULES},
    )


def profile(recording: Recording) -> Profile:
    """The stacks of a recording, weighted by time: what flame graphs and traces are made of."""
    from spindoctor.evidence.profile import profile as weigh  # noqa: PLC0415

    return weigh(recording)


def pictures(recording: Recording, report: Report) -> Pictures:
    """What a page shows of the recording beside its report: the pictures that prove the first finding."""
    from spindoctor.evidence.pictures import pictures as draw  # noqa: PLC0415

    first = (report.outcomes.get(slug) for slug in report.ranking[:1])
    culprit = next((answer.findings[0].culprit for answer in first if isinstance(answer, Found)), None)
    return draw(recording, culprit)


def dump(recording: Recording, pids: Collection[int] = ()) -> Dump:
    """What threads and tasks were doing at the end of a recording, of all processes or of those with these pids."""
    from spindoctor.evidence.dump import dump as gather_dump  # noqa: PLC0415

    return gather_dump(recording, pids)


def _look_facts(recording: Recording) -> Look:
    looks = [look for one in recording.processes for sample in one.samples for look in sample.threads]
    return Look(
        seconds=recording.seconds,
        looks=recording.looks,
        missed=tuple((miss.why, miss.count) for one in recording.processes for miss in one.missed),
        rate_hz=recording.rate_hz,
        own_cpu_cores=recording.own_cpu_s / recording.seconds if recording.seconds else 0.0,
        incomplete_stacks=sum(not look.is_complete for look in looks),
        is_pinned=recording.is_pinned,
        is_interrupted=recording.is_interrupted,
        started_at=recording.started_at,
        ended=recording.ended,
    )


def _line(recording: Recording, one: ProcessRecording) -> ProcessLine:
    process = recording.target.process(one.pid)
    busiest = max(one.threads, key=lambda use: use.cpu_s, default=None)
    seconds = recording.seconds or 1.0
    return ProcessLine(
        pid=one.pid,
        role=process.role if process else "worker",
        command=" ".join(process.command) if process else "",
        cores=one.cpu_s / seconds,
        busiest_thread=busiest.name or busiest.kernel_name if busiest else "",
        busiest_thread_cores=busiest.cpu_s / seconds if busiest else 0.0,
        threads=len(one.threads),
    )


def live(pid: int, rate_hz: float = 50.0, treat: Callable[[Recording], Recording] | None = None) -> Live:
    """Watch the service that `pid` belongs to: each `step` looks for a moment and gives what to show.

    `treat` is done to each recording before anything is made of it: `redact.Redactor()` hides what is secret.

    Raises:
        DoctorError: as `look` does.
    """
    from spindoctor.live import Live  # noqa: PLC0415

    return Live(pid, rate_hz, treat)


def survey(interval_s: float = 1.0) -> Survey:
    """The Python services of this host by CPU over `interval_s`."""
    from spindoctor.probe.hosts import survey as survey_host  # noqa: PLC0415

    return survey_host(interval_s)


def running() -> dict[int, str]:
    """The Python processes of this host by pid, with the names of their programs."""
    from spindoctor.probe.hosts import running as running_on_host  # noqa: PLC0415

    return running_on_host()


def find(pid: int | None = None, port: int | None = None, name: str | None = None) -> int:
    """The process that is meant: by pid, by a port it listens on, by its command line, else the one that burns most.

    Raises:
        DoctorError: there is none, or several match.
    """
    from spindoctor.probe import find as finding  # noqa: PLC0415

    if pid is not None:
        return pid
    if port is not None:
        return finding.by_port(port)
    return finding.by_name(name) if name is not None else finding.hottest()
