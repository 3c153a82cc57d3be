"""The readers that are compared: how each is started, and what its output says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import debian_root
from pythons import Interpreter

RATE = 100
NEWEST = "3.15"
"""The only Python that has `profiling.sampling`, and the only one that it can look at."""


@dataclass(frozen=True)
class Peer:
    """One reader. `command(target, pid, seconds, output)`; `plain_share` reads how much it gave to one function."""

    name: str
    command: Callable[[Interpreter, int, float, Path], list[str]]
    plain_share: Callable[[Path], float | None]
    versions: frozenset[str] | None = None


def folded_share(output: Path) -> float | None:
    """The share of `plain` in folded stacks of the main thread: `frame;frame count` a line."""
    inside = total = 0
    for line in output.read_text(errors="replace").splitlines() if output.exists() else ():
        stack, _, count = line.rpartition(" ")
        if count.isdigit() and "truth" in stack:
            total += int(count)
            inside += int(count) * bool(re.search(r"\bplain\b", stack))
    return inside / total if total else None


def recorded_share(output: Path) -> float | None:
    """The same from a recording of our own."""
    from spindoctor import store  # noqa: PLC0415 - only where there is one to read

    if not output.exists():
        return None
    looks = [look for one in store.load(output).processes for sample in one.samples for look in sample.threads]
    stacks = [{frame.function for frame in look.stack} for look in looks if look.ran_ns and not look.call]
    mine = [names for names in stacks if "truth" in names]
    return sum("plain" in names for names in mine) / len(mine) if mine else None


def _spindoctor(target: Interpreter, pid: int, seconds: float, output: Path) -> list[str]:
    del target
    program = [sys.executable, "-m", "spindoctor", "diagnose", str(pid), "--json", "-q"]
    return [*program, "--seconds", str(seconds), "--rate", str(RATE), "--save", str(output)]


def _py_spy(target: Interpreter, pid: int, seconds: float, output: Path) -> list[str]:
    del target
    return [tool("py-spy"), "record", "-r", str(RATE), "-d", str(int(seconds)), "-f", "raw", "-o", str(output),
            "-p", str(pid)]  # fmt: skip


def _austin(target: Interpreter, pid: int, seconds: float, output: Path) -> list[str]:
    """Its newest release needs a newer C library than some machines have: there it runs in the target's root."""
    options = ["-i", str(1_000_000 // RATE), "-x", str(int(seconds)), "-p", str(pid), "-o"]
    if not target.root or _starts(tool("austin")):
        return [tool("austin"), *options, str(output)]
    shutil.copy(tool("austin"), target.root / "opt" / "austin")
    return debian_root.chroot_command(target.root, "/opt/austin", *options, "/dev/null")


def _starts(program: str) -> bool:
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def no_share(output: Path) -> None:
    """Its output is a binary format of its own, which is not read here."""
    del output


def _sampling(target: Interpreter, pid: int, seconds: float, output: Path) -> list[str]:
    place = "/tmp/" + output.name if target.root else str(output)  # noqa: S108 - inside the other root
    options = ["-a", "-r", str(RATE), "-d", str(int(seconds)), "--collapsed", "-o", place]
    return target.command("-m", "profiling.sampling", "attach", *options, str(pid))


def tool(name: str) -> str:
    """Where a program lies: beside our own Python, or on PATH; empty where it is missing."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or ""


def peers() -> tuple[Peer, ...]:
    """Those that this machine has."""
    every = (
        Peer("spindoctor", _spindoctor, recorded_share),
        Peer("py-spy", _py_spy, folded_share) if tool("py-spy") else None,
        Peer("Austin", _austin, no_share) if tool("austin") else None,
        Peer("profiling.sampling", _sampling, folded_share, frozenset({NEWEST})),
    )
    return tuple(one for one in every if one)
