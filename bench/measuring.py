"""One run of one reader at one target: what it cost, and what it did to the target."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers import Peer
from pythons import Interpreter

TARGET = Path(__file__).with_name("target.py")
SETTLE_S = 1.0
"""A reader's start-up is over by then: its steady cost is counted from here to the end of its look."""

TAIL_S = 0.3
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One run. Cores are CPU seconds per second of looking; `rate` is the target's iterations a second meanwhile."""

    workload: str
    python: str
    peer: str
    steady_cores: float | None = None
    cpu_s: float | None = None
    start_s: float | None = None
    whole_s: float | None = None
    memory_mb: float | None = None
    rate: float | None = None
    error_of_share: float | None = None
    missed_share: float | None = None
    failed: str = ""


class Service:
    """A target under way. `told` are the lines that it has printed since READY."""

    def __init__(self, process: subprocess.Popen[str], pid: int, log: Path) -> None:
        self.process = process
        self.pid = pid
        self._log = log

    @property
    def told(self) -> list[list[str]]:
        """Its lines, split into words."""
        return [line.split() for line in self._log.read_text().splitlines() if line]

    def numbers(self, word: str) -> list[float]:
        """What it said under this word, in order."""
        return [float(line[1]) for line in self.told if line[0] == word and len(line) > 1]


@contextlib.contextmanager
def running(target: Interpreter, workload: str, seconds: float) -> Iterator[Service]:
    """Start a target; it is there when this returns, and gone afterwards with all its children."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = target.command(target.place(TARGET), workload, str(seconds))
        with log.open("w") as out, subprocess.Popen(command, stdout=out, text=True) as process:
            try:
                service = Service(process, process.pid, log)
                end = time.monotonic() + 20
                while not service.numbers("READY"):
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{workload} did not start on {target.version}")
                    time.sleep(0.05)
                yield service
            finally:
                for kill, pid in ((os.killpg, process.pid), (os.kill, process.pid)):
                    with contextlib.suppress(OSError):
                        kill(pid, signal.SIGKILL)


def own_cpu_s(pid: int) -> float | None:
    """CPU that a process has used so far, with its threads; None once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def watch(peer: Peer, target: Interpreter, workload: str, seconds: float) -> Run:
    """Let one reader look at a fresh target."""
    with running(target, workload, seconds + 12) as service, tempfile.TemporaryDirectory() as folder:
        name = f"spindoctor-bench-{os.getpid()}-{peer.name}.out"
        output = Path(target.root) / "tmp" / name if peer.name == "profiling.sampling" and target.root else None
        output = output or Path(folder) / name
        before = len(service.numbers("TICK"))
        began = time.monotonic()
        process = subprocess.Popen(
            peer.command(target, service.pid, seconds, output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(SETTLE_S)
        first, first_s = own_cpu_s(process.pid), time.monotonic()
        time.sleep(max(0.5, seconds - SETTLE_S - TAIL_S))
        last, last_s = own_cpu_s(process.pid), time.monotonic()
        status, used = _wait(process)
        whole_s = time.monotonic() - began
        share = peer.plain_share(output) if workload == "truth" else None
        true = service.numbers("TRUE")
        steady = (last - first) / (last_s - first_s) if first is not None and last is not None else None
        run = Run(
            workload=workload,
            python=target.version,
            peer=peer.name,
            steady_cores=steady,
            cpu_s=used.ru_utime + used.ru_stime,
            whole_s=whole_s,
            start_s=whole_s - seconds,
            memory_mb=used.ru_maxrss / 1024,
            rate=_rate(service.numbers("TICK")[before:]),
            error_of_share=abs(share - true[-1]) if share is not None and true else None,
            missed_share=_missed(output) if peer.name == "spindoctor" else None,
            failed="" if status in {0, 1} else f"exit status {status}",
        )
        output.unlink(missing_ok=True)
        return run


def alone(target: Interpreter, workload: str, seconds: float) -> Run:
    """The target with nobody who looks."""
    with running(target, workload, seconds + 5) as service:
        time.sleep(seconds)
        return Run(workload, target.version, "none", rate=_rate(service.numbers("TICK")))


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage]:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used


def _rate(ticks: list[float]) -> float | None:
    """Iterations a second between the first tick and the last."""
    return (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else None


def _missed(output: Path) -> float | None:
    """The share of looks that failed or gave a stack that does not reach its thread's beginning."""
    from spindoctor import store  # noqa: PLC0415 - only where there is a recording

    if not output.exists():
        return None
    recording = store.load(output)
    torn = sum(
        any(not look.is_complete for look in sample.threads) for one in recording.processes for sample in one.samples
    )
    misses = [miss for one in recording.processes for miss in one.missed]
    missed = sum(miss.count for miss in misses if not miss.why.startswith(("tasks", "locks", "we ")))
    return max(torn, missed) / max(1, recording.looks)
