"""One run of one reader at one target: what it cost, and what it did to the target."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from peers import PEERS_BY_NAME, Asked, Peer
from pythons import Interpreter
from runs import NOBODY, Run

TARGET = Path(__file__).with_name("target.py")
SETTLE_S = 1.0
"""A reader's start-up is over by then: its steady cost is counted from here to the end of its look."""

TAIL_S = 0.3
"""The last part of a look is left out: a reader may already be at its report."""

GLANCE_S = 0.02
"""So often a reader's memory and CPU are read; the kernel itself keeps the largest memory."""

PATIENCE_S = 30.0
"""A reader that has not ended so long after its look is ended."""

CPU_CLOCK = 2
"""CPUCLOCK_SCHED in include/linux/posix-timers.h: the clock of the CPU time of a process, in nanoseconds."""


class Service:
    """A target under way. `told` are the lines that it has printed since READY."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._log = log

    @property
    def told(self) -> list[list[str]]:
        """Its lines, split into words."""
        return [line.split() for line in self._log.read_text().splitlines() if line]

    def pairs(self, word: str) -> list[tuple[float, float]]:
        """What it said under this word, in order."""
        return [(float(line[1]), float(line[2])) for line in self.told if line[0] == word and len(line) > 2]  # noqa: PLR2004

    @property
    def is_ready(self) -> bool:
        """Whether its threads and tasks are there."""
        return any(line[0] == "READY" for line in self.told)


@dataclass
class Watched:
    """What a reader used, as it was seen from outside."""

    memory_mb: float = 0.0
    clock: list[tuple[float, float]] = field(default_factory=list)

    def glance(self, pid: int, at_s: float) -> None:
        """Read its largest memory so far, and its CPU."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                self.memory_mb = max(self.memory_mb, int(found[1]) / 1024)
            self.clock.append((at_s, own_cpu_s(pid)))

    def cores(self, from_s: float, to_s: float) -> float | None:
        """CPU seconds per second between two moments."""
        inside = [one for one in self.clock if from_s <= one[0] <= to_s]
        if len(inside) < 2 or inside[-1][0] - inside[0][0] < (to_s - from_s) / 2:  # noqa: PLR2004 - a span has two ends
            return None
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def own_cpu_s(pid: int) -> float:
    """CPU that a process has used so far, with its threads, to the nanosecond. Raises OSError once it has ended."""
    return time.clock_gettime((~pid << 3) | CPU_CLOCK)


@contextlib.contextmanager
def running(target: Interpreter, workload: str, seconds: float) -> Iterator[Service]:
    """Start a target; it is there when this returns, and gone afterwards with all its children."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = target.command(target.place(TARGET), workload, str(seconds))
        with (
            log.open("w") as out,
            subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, text=True) as process,
        ):
            try:
                service = Service(process, log)
                end = time.monotonic() + 20
                while not service.is_ready:
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{workload} did not start on {target.version}")
                    time.sleep(0.05)
                yield service
            finally:
                for kill, pid in ((os.killpg, process.pid), (os.kill, process.pid)):
                    with contextlib.suppress(OSError):
                        kill(pid, signal.SIGKILL)


def watch(peer: Peer, target: Interpreter, workload: str, seconds: float) -> Run:
    """Let one reader look at a fresh target."""
    with running(target, workload, seconds + PATIENCE_S) as service, tempfile.TemporaryDirectory() as folder:
        output = _output(peer, target, Path(folder))
        asked = Asked(target, workload, service.pid, seconds, output)
        before = service.pairs("TRUE")[-1:]
        began_s = time.monotonic()
        watched, status, used, said = follow(peer.command(asked), Path(folder), began_s + seconds + PATIENCE_S)
        whole_s = time.monotonic() - began_s
        missed, looks = peer.told(said, output)
        is_fine = status in peer.fine
        run = Run(
            workload=workload,
            python=target.version,
            reader=peer.name,
            seconds=seconds,
            version=peer.version(target),
            cores=watched.cores(began_s + SETTLE_S, began_s + seconds - TAIL_S) if is_fine else None,
            cpu_s=used.ru_utime + used.ru_stime if is_fine else None,
            whole_s=whole_s if is_fine else None,
            memory_mb=watched.memory_mb if is_fine else None,
            rate=_rate(service.pairs("TICK"), began_s + SETTLE_S, began_s + seconds) if is_fine else None,
            share=peer.share(output) if workload == "truth" and is_fine else None,
            true_share=_true_share(before, service.pairs("TRUE")),
            missed=missed if is_fine else None,
            looks=looks if is_fine else None,
            failed="" if is_fine else f"exit status {status}: {last_words(said, service.pid)}",
        )
        output.unlink(missing_ok=True)
        return run


def alone(target: Interpreter, workload: str, seconds: float) -> Run:
    """The target with nobody who looks."""
    with running(target, workload, seconds + 5) as service:
        began_s = time.monotonic()
        while time.monotonic() < began_s + seconds:
            time.sleep(GLANCE_S)
        rate = _rate(service.pairs("TICK"), began_s + SETTLE_S, began_s + seconds)
        return Run(workload, target.version, NOBODY, seconds=seconds, rate=rate)


def follow(command: list[str], folder: Path, until_s: float) -> tuple[Watched, int, resource.struct_rusage, str]:
    """Run a reader to its end: what it used, its exit status, the kernel's account of it, and what it said."""
    words = folder / "words"
    watched = Watched()
    with words.open("w") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            watched.glance(process.pid, time.monotonic())
            if time.monotonic() > until_s:
                process.kill()
            time.sleep(GLANCE_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    return watched, process.returncode, used, words.read_text(errors="replace")


def help_s(command: list[str]) -> float:
    """How long a program takes to print its help, once it is compiled and in the page cache."""
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    began_s = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - began_s


def last_words(said: str, pid: int) -> str:
    """The line with which a reader gave up, PID for the number: the first that speaks of a failure, or the last."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"error|fail|unsupported|cannot|not |💥|❌", line, re.IGNORECASE)]
    return re.sub(rf"\b{pid}\b", "PID", next(iter(told or lines[-1:]), "it said nothing"))[:200]


def _output(peer: Peer, target: Interpreter, folder: Path) -> Path:
    name = f"spindoctor-bench-{os.getpid()}-{peer.name}.out"
    inside = _root_of(peer, target)
    return inside / "tmp" / name if inside else folder / name


def _root_of(peer: Peer, target: Interpreter) -> Path | None:
    """The root in which a reader writes, None where it is our own."""
    if not peer.runs_inside:
        return None
    if peer is PEERS_BY_NAME["profiling.sampling"]:
        from peers import newest  # noqa: PLC0415 - asked for one reader alone

        python = newest()
        return python.root if python else None
    return target.root


def _rate(ticks: list[tuple[float, float]], from_s: float, to_s: float) -> float | None:
    """Iterations a second between the first tick and the last in a span of time."""
    inside = [one for one in ticks if from_s <= one[1] <= to_s]
    return (inside[-1][0] - inside[0][0]) / (inside[-1][1] - inside[0][1]) if len(inside) > 1 else None


def _true_share(before: list[tuple[float, float]], told: list[tuple[float, float]]) -> float | None:
    """The part of its CPU that the target spent in `plain` meanwhile, by its own count."""
    if not told:
        return None
    first = before[0] if before else (0.0, 0.0)
    driven, plain = (last - since for last, since in zip(told[-1], first, strict=True))
    return plain / (driven + plain) if driven + plain else None


@functools.cache
def commit(folder: Path) -> str:
    """The commit that is measured, with a `+` where files of the product differ from it."""
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    )
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src"], cwd=folder, check=False).returncode
    return said.stdout.strip() + ("+" if changed else "")
