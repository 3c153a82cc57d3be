"""Both founding incidents as real services: sick, the verdict, cured, the verdict.

Runs with whatever Python starts it (3.11 or newer) and takes about a minute. What it starts is gone at its end, also on
Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab_cases import CASES, Case, load
from run import LabError, pythons, running, server_python

SPINDOCTOR = Path(sys.executable).with_name("spindoctor")
LOOK_S = 3
FOUND = 1  # spindoctor's exit codes
NOTHING_FOUND = 0
EXPECTED = {"sick": FOUND, "cured": NOTHING_FOUND}
MAKES_A_NEW_LOOP = (3, 12)  # the first Python that forgets the event loop in a forked child


@dataclass(frozen=True)
class Act:
    """One incident of the demonstration."""

    title: str
    case: Case
    note: str


def acts() -> list[Act]:
    """Incident A and incident B, in the form that they take on this Python."""
    return [_stuck_cancellation(), _forked_loop()]


def _stuck_cancellation() -> Act:
    """Incident A as it was; without a Python for the MongoDB server its variant that needs none."""
    title = "A. A core burns after one request, and nothing in the code is busy"
    try:
        server_python()
    except LabError as problem:
        note = f"{problem} Shown instead: the same mechanism, brought about in the service's own code, without MongoDB."
        return Act(title, load(CASES / "undeliverable-cancellation/swallowed"), note)
    return Act(title, load(CASES / "undeliverable-cancellation/inside-anyio"), "FastAPI, uvicorn, anyio 4.9.0, Motor.")


def _forked_loop() -> Act:
    """Incident B; from 3.12 on the same lines of code hang instead of spinning."""
    case = load(CASES / "forked-event-loop/tornado-current")
    if sys.version_info < MAKES_A_NEW_LOOP:
        return Act(
            "B. A client gives up, and the process without the request burns a core", case, "Tornado, two processes."
        )
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    note = (
        f"Tornado, two processes. On Python {version} this mistake does not spin any more: each forked child makes\n"
        "a new event loop, and nobody waits on the one that has the listening socket. The service never answers."
    )
    return Act("B. Two processes listen, and nobody answers", case, note)


def own_python() -> pythons.Interpreter:
    """The Python that runs this."""
    return pythons.Interpreter(f"{sys.version_info.major}.{sys.version_info.minor}", os.path.realpath(sys.executable))


def show(act: Act, which: str) -> bool:
    """Start the service, let the doctor look at it, end it; whether the verdict's exit code is the expected one."""
    print(f"\n--- {act.case.name}, {which} " + "-" * 40, flush=True)
    with running(act.case, which, own_python()) as scene:
        print(f"$ spindoctor diagnose {scene.pid}", flush=True)
        done = subprocess.run([SPINDOCTOR, "diagnose", str(scene.pid), "--seconds", str(LOOK_S)], check=False)
    if done.returncode != EXPECTED[which]:
        print(f"Exit code {done.returncode}; expected {EXPECTED[which]} for the {which} service.", file=sys.stderr)
    return done.returncode == EXPECTED[which]


def set_up(act: Act) -> None:
    """Install what the services need; only the first run takes long."""
    own_python().venv(act.case.folder / "requirements.txt")
    if "mongo" in act.case.backends:
        server_python().venv(CASES.parent / "mongo-requirements.txt")


def perform() -> int:
    """All acts; 0 if every verdict was as expected."""
    programme = acts()
    print("Setting up the services' own environments (the first time this takes about half a minute) ...", flush=True)
    for act in programme:
        set_up(act)
    start = time.monotonic()
    right = True
    for act in programme:
        print(f"\n=== {act.title}\n{act.note}\nSymptom: {act.case.symptom}.")
        for which in EXPECTED:
            right &= show(act, which)
    verdict = "All four verdicts are right." if right else "Not every verdict is right."
    print(f"\n{time.monotonic() - start:.0f} s. {verdict}")
    return 0 if right else 1


def main() -> int:
    """Run the demonstration and clean up, whatever ends it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return perform()
    except (LabError, pythons.debian_root.SetupError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the services are ended.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
