"""The readers that are compared: how each is started, and what it says about its own looks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import debian_root
from pythons import Interpreter
from runs import ASKED_HZ, OURS, PURE, STACKS

FAMILY = "workers-16"
"""The workload in which readers are asked to look at children too."""

AUSTIN = {"4.0.0": range(9, 15), "3.7.0": range(8, 14)}
"""Its releases, newest first, and the minor versions of Python that its own documentation says each supports."""

PEERS = Path(sys.prefix) / "bench-peers"
"""Where `make bench` installs Austin's releases, which share one name."""


MEASURED, PLAIN = re.compile(r"\b(truth|numbers|plain)\b"), re.compile(r"\bplain\b")
"""The functions between which the target of `truth` divides its time. A torn stack may hold only the innermost."""


@dataclass(frozen=True)
class Asked:
    """What a reader is asked: whom to look at, for how long, and where to write. `output` is as we see it."""

    target: Interpreter
    workload: str
    pid: int
    seconds: float
    output: Path


@dataclass(frozen=True)
class Peer:
    """One reader: its command line, the exit codes of a look that went well, and the readers of its output.

    `share` reads from the output how much it gave to one function; `missed` and `looks` read its last words or output.
    """

    name: str
    command: Callable[[Asked], list[str]]
    share: Callable[[Path], float | None]
    told: Callable[[str, Path], tuple[float | None, int | None]]
    fine: frozenset[int] = frozenset({0})
    version: Callable[[Interpreter], str] = lambda _: ""
    runs_inside: bool = False
    """It is started in the target's root, and finds its output file there."""


def folded_share(output: Path) -> float | None:
    """The share of `plain` in the folded stacks of the thread that computes: `frame;frame count` a line."""
    inside = total = 0
    for line in output.read_text(errors="replace").splitlines() if output.exists() else ():
        stack, _, count = line.rpartition(" ")
        if count.isdigit() and MEASURED.search(stack):
            total += int(count)
            inside += int(count) * bool(PLAIN.search(stack))
    return inside / total if total else None


def recorded_share(output: Path) -> float | None:
    """The same from the profile that is made of a recording of our own, by CPU."""
    from spindoctor import session, store  # noqa: PLC0415 - only where there is one to read

    if not output.exists():
        return None
    spots = [spot for lane in session.profile(store.load(output)).lanes for spot in lane.spots if spot.cpu_ns]
    stacks = [(";".join(frame.function for frame in spot.stack), spot.cpu_ns) for spot in spots]
    total = sum(weight for stack, weight in stacks if MEASURED.search(stack))
    return sum(weight for stack, weight in stacks if PLAIN.search(stack)) / total if total else None


def recorded_looks(said: str, output: Path) -> tuple[float | None, int | None]:
    """Looks that failed or gave a stack that does not reach its thread's beginning, as a share; and all looks."""
    from spindoctor import store  # noqa: PLC0415 - only where there is a recording

    del said
    if not output.exists():
        return None, None
    recording = store.load(output)
    torn = sum(
        any(not look.is_complete for look in sample.threads) for one in recording.processes for sample in one.samples
    )
    misses = [miss for one in recording.processes for miss in one.missed]
    missed = sum(miss.count for miss in misses if not miss.why.startswith(("tasks", "locks", "we ")))
    moments = max((len(one.samples) for one in recording.processes), default=0)
    return (torn + missed) / max(1, recording.looks + missed), moments


def stacks_looks(said: str, output: Path) -> tuple[float | None, int | None]:
    """`298 looks in 3.0 s; wrote ...`; folded stacks do not tell which looks failed."""
    del output
    found = re.search(r"(\d+) looks? in ", said)
    return None, int(found[1]) if found else None


def py_spy_looks(said: str, output: Path) -> tuple[float | None, int | None]:
    """`Samples: 291 Errors: 3`, which counts threads that run, so its looks are not told."""
    del output
    found = re.search(r"Samples: (\d+) Errors: (\d+)", said)
    if not found:
        return None, None
    good, bad = int(found[1]), int(found[2])
    return bad / max(1, good + bad), None


def sampling_looks(said: str, output: Path) -> tuple[float | None, int | None]:
    """`Captured 300 samples in 3.00 seconds`, `Error rate: 9.00` (in percent; the line is left out where it is 0)."""
    del output
    taken, wrong = re.search(r"Captured ([\d,]+) samples", said), re.search(r"Error rate: ([\d.]+)", said)
    if not taken:
        return None, None
    return float(wrong[1]) / 100 if wrong else 0.0, int(taken[1].replace(",", ""))


def austin_looks(said: str, output: Path) -> tuple[float | None, int | None]:
    """`Error rate ... 0/396 (0.00%)`, in its colours; it counts each thread in each look, so its looks are not told."""
    del output
    found = re.search(r"Error rate\D*?(\d+)/(\d+)", re.sub(r"\x1b\[[\d;]*m", "", said))
    return (int(found[1]) / max(1, int(found[2])), None) if found else (None, None)


def no_share(output: Path) -> None:
    """Austin 4 writes a binary format of its own, which is not read here."""
    with output.open("rb") as file:
        return None if file.read(3) == b"MOJ" else folded_share(output)


def _spindoctor(asked: Asked) -> list[str]:
    program = [sys.executable, "-m", "spindoctor", "diagnose", str(asked.pid), "--json", "-q"]
    return [*program, "--seconds", str(asked.seconds), "--rate", str(ASKED_HZ), "--save", str(asked.output)]


def _stacks(asked: Asked) -> list[str]:
    program = [sys.executable, "-m", "spindoctor", "record", str(asked.pid), "--format", "folded"]
    return [*program, "--seconds", str(asked.seconds), "--rate", str(ASKED_HZ), "-o", str(asked.output)]


def _pure(asked: Asked) -> list[str]:
    return ["env", "SPINDOCTOR_ENGINE=pure", *_stacks(asked)]


def _py_spy(asked: Asked) -> list[str]:
    family = ["--subprocesses"] if asked.workload == FAMILY else []
    options = ["-r", str(ASKED_HZ), "-d", str(int(asked.seconds)), "-f", "raw", "-o", str(asked.output)]
    return [tool("py-spy") or "py-spy", "record", *options, *family, "-p", str(asked.pid)]


def _austin(asked: Asked) -> list[str]:
    family = ["-C"] if asked.workload == FAMILY else []
    options = ["-i", str(1_000_000 // ASKED_HZ), "-x", str(int(asked.seconds)), *family, "-p", str(asked.pid), "-o"]
    program = austin(austin_for(asked.target))
    if not asked.target.root or not program:
        return [str(program or "austin"), *options, str(asked.output)]
    inside = asked.target.root / "opt" / f"austin-{austin_for(asked.target)}"
    shutil.copy(program, inside)
    return debian_root.chroot_command(asked.target.root, f"/opt/{inside.name}", *options, f"/tmp/{asked.output.name}")  # noqa: S108 - inside the other root


def _sampling(asked: Asked) -> list[str]:
    """It looks at its own version only; asked about another it says so.

    Children would get a process of their own each, whose cost is not seen here: of a family it looks at the parent.
    """
    options = ["-a", "-r", str(ASKED_HZ), "-d", str(int(asked.seconds)), "--collapsed", "-o"]
    python = newest()
    if not python:
        return ["profiling.sampling"]
    place = f"/tmp/{asked.output.name}" if python.root else str(asked.output)  # noqa: S108 - inside the other root
    return python.command("-m", "profiling.sampling", "attach", *options, place, str(asked.pid))


@cache
def newest() -> Interpreter | None:
    """The Python that has `profiling.sampling`, None where this machine has none."""
    from pythons import find_interpreters  # noqa: PLC0415 - starts every Python once

    return find_interpreters().get("3.15")


def austin_for(target: Interpreter) -> str:
    """The release that supports the target and starts where it must run; else the newest, which says why it cannot."""
    minor = int(target.version.partition(".")[2])
    able = [version for version, minors in AUSTIN.items() if minor in minors and (target.root or starts(version))]
    return next(iter(able), next(iter(AUSTIN)))


def austin(version: str) -> Path | None:
    """The program of one release, None where it was not installed."""
    program = PEERS / f"austin-{version}" / "bin" / "austin"
    return program if program.exists() else None


@cache
def starts(version: str) -> bool:
    """Whether a release runs on this machine: the newest asks for a newer C library than some have."""
    program = austin(version)
    return (
        bool(program) and subprocess.run([str(program), "--version"], capture_output=True, check=False).returncode == 0
    )


def tool(name: str) -> str:
    """Where a program lies: beside our own Python, or on PATH; empty where it is missing."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or ""


@cache
def _says_version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return next(iter(re.findall(r"\d+\.\d+\.\d+", said)), "")


def _sampling_version(target: Interpreter) -> str:
    del target
    python = newest()
    return _says_of(python) if python else ""


@cache
def _says_of(python: Interpreter) -> str:
    said = subprocess.run(python.command("-V"), capture_output=True, text=True, check=False).stdout
    return said.strip().partition(" ")[2]


PEERS_BY_NAME = {
    one.name: one
    for one in (
        Peer(OURS, _spindoctor, recorded_share, recorded_looks, frozenset({0, 1})),
        Peer(STACKS, _stacks, folded_share, stacks_looks),
        Peer(PURE, _pure, folded_share, stacks_looks),
        Peer("py-spy", _py_spy, folded_share, py_spy_looks, version=lambda _: _says_version(tool("py-spy"))),
        Peer(
            "profiling.sampling", _sampling, folded_share, sampling_looks, version=_sampling_version, runs_inside=True
        ),
        Peer("Austin", _austin, no_share, austin_looks, frozenset({0, 254}), version=austin_for, runs_inside=True),
    )
}


def missing() -> list[str]:
    """One sentence for each thing that this machine lacks: what, and how to get it."""
    lacks = [
        "py-spy is missing: pip install py-spy" if not tool("py-spy") else "",
        "Austin is missing: make bench installs it from PyPI" if not any(map(austin, AUSTIN)) else "",
        "wrk is missing, so the FastAPI row is left out: apt-get install wrk" if not tool("wrk") else "",
        "Python 3.15 with profiling.sampling is missing: python tools/debian_root.py (as root)" if not newest() else "",
    ]
    return [one for one in lacks if one]
