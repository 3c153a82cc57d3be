"""A session that looks at nothing. As a script it is `spindoctor` with that session:

python fake_session.py SCENARIO ARGUMENTS...
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from types import ModuleType

from spindoctor.errors import DoctorError, ExitCode
from spindoctor.evidence.dump import dump
from spindoctor.evidence.profile import profile
from spindoctor.model.closeup import ORDINARY, Extras
from spindoctor.model.dump import Dump
from spindoctor.model.live import Column, Dashboard, Gauges, Sheet
from spindoctor.model.outcome import Clear, Cost, Culprit, Finding, Found, Look, Report, Severity, Unsure
from spindoctor.model.pictures import Pictures
from spindoctor.model.process import Machine, Process, Target
from spindoctor.model.profile import Profile
from spindoctor.model.recording import ProcessRecording, Recording
from spindoctor.model.survey import Survey

PROCESS = Process(42, 1, 0.0, 1, "app", ("/usr/bin/python", "app.py"), "/usr/bin/python", "/srv", "www", "3.12.3")
TARGET = Target(leader=42, hot=42, processes=(PROCESS,))
MACHINE = Machine(cores=2, affinity_cores=2)
LOOK = Look(seconds=3.0, looks=300, missed=(), rate_hz=100.0, own_cpu_cores=0.05)
RECORDING = Recording(TARGET, MACHINE, 3.0, 100.0, (ProcessRecording(42),))


def a_report(severity: Severity | None = None) -> Report:
    """A report with one finding of this severity, or none."""
    outcomes = {"gil-contention": Clear("300 looks"), "forked-event-loop": Unsure("not enough looks")}
    if severity is None:
        return Report(TARGET, MACHINE, LOOK, outcomes)
    finding = Finding("The loop spins.", severity, "high", Cost(cores=1.0), Culprit(pid=42))
    return Report(TARGET, MACHINE, LOOK, {**outcomes, "callback-storm": Found((finding,))}, ("callback-storm",))


class FakeLive:
    """One moment, again and again."""

    def step(self, seconds: float, progress: Callable[[float, str], None] | None = None) -> Dashboard:
        if progress:
            progress(0.0, "looking")
        gauges = Gauges(42, "python app.py", "3.12.3", 2, 2.0, 0.5, 1, 1, 0.0, 0.0, 0, None, 0, 0, 50, 0, 0.1, seconds)
        return Dashboard(gauges, (Sheet("threads", (Column("thread"),), (), 0, "Nothing was seen."),), seconds)


@dataclass
class FakeSession(ModuleType):
    """Answers as it is told, and remembers what it was asked."""

    report: Report = field(default_factory=a_report)
    recording: Recording = RECORDING
    error: BaseException | None = None
    asked: list[object] = field(default_factory=list)
    asked_extras: Extras = ORDINARY

    def __post_init__(self) -> None:
        super().__init__("spindoctor.session")

    def find(self, pid: int | None, port: int | None, name: str | None) -> int:
        self.asked.append((pid, port, name))
        return pid or 42

    def look(
        self,
        pid: int,
        *,
        seconds: float,
        rate_hz: float,
        progress: Callable[[float, str], None] | None = None,
        extras: Extras = ORDINARY,
    ) -> Recording:
        self.asked.append((pid, seconds, rate_hz))
        self.asked_extras = extras
        if progress:
            progress(0.0, "looking")
        if self.error:
            raise self.error
        return self.recording

    def profile(self, recording: Recording) -> Profile:
        return profile(recording)

    def dump(self, recording: Recording, pids: Collection[int] = ()) -> Dump:
        return dump(recording, pids)

    def survey(self) -> Survey:
        return Survey(1.0, MACHINE, processes=7)

    def pictures(self, recording: Recording, report: Report) -> Pictures:
        del recording, report
        return Pictures(None, None, None)

    def live(self, pid: int, rate_hz: float, treat: object) -> FakeLive:
        del treat
        self.asked.append((pid, rate_hz))
        return FakeLive()

    def diagnose(self, recording: Recording) -> Report:
        return replace(self.report, target=recording.target)


SCENARIOS = {
    "nothing": FakeSession(),
    "warning": FakeSession(a_report("warning")),
    "interrupted": FakeSession(replace(a_report("warning"), look=replace(LOOK, is_interrupted=True))),
    "ctrl-c": FakeSession(error=KeyboardInterrupt()),
    "crash": FakeSession(error=ZeroDivisionError("a fault of ours")),
    "no-permission": FakeSession(error=DoctorError("pid 42 belongs to another user", "sudo spindoctor diagnose 42")),
    "no-process": FakeSession(error=DoctorError("no process has pid 42", "spindoctor, for a list", ExitCode.USAGE)),
}

if __name__ == "__main__":
    sys.modules["spindoctor.session"] = SCENARIOS[sys.argv.pop(1)]
    from spindoctor.cli import main

    main()
