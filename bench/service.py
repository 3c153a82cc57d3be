"""A FastAPI service under wrk, with and without a reader, in turns: requests a second and the slowest hundredth."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import beside
from measuring import last_words
from peers import Asked, Peer, tool
from pythons import Interpreter
from runs import NOBODY, Run

APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def root(size: int = 200):
    return {"items": [{"id": n, "name": f"item {n}"} for n in range(size)]}
"""
NEEDS = ("fastapi==0.115.6", "uvicorn==0.34.0")
WORKLOAD = "fastapi"
WARM_S = 1.0
START_S = 0.8
"""A reader is looking by then; the load is measured from here."""

LATENCY = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def serve(target: Interpreter, readers: Sequence[Peer], seconds: float) -> list[Run]:
    """One round: nobody, a reader, nobody, the next reader ..., nobody; each beside what was around it."""
    with _service(target.venv(list(NEEDS))) as (pid, port):
        _load(port, WARM_S)
        alone = [_load(port, seconds)]
        watched: list[tuple[Peer, float, float, str]] = []
        for reader in readers:
            watched.append((reader, *_watched(reader, target, pid, port, seconds)))
            alone.append(_load(port, seconds))
    rates, slow = beside([one[0] for one in alone]), beside([one[1] for one in alone])
    runs = [
        _run(target, one.name, seconds, rate, p99, around, around_ms, failed, one.version(target))
        for (one, rate, p99, failed), around, around_ms in zip(watched, rates, slow, strict=True)
    ]
    nobody = [  # each pause between two loads with a reader beside its own neighbours: what no reader does
        _run(target, NOBODY, seconds, alone[n][0], alone[n][1], *_around(alone, n), "", "")
        for n in range(1, len(alone) - 1)
    ]
    return runs + nobody


def _run(  # noqa: PLR0913, PLR0917 - one for each figure
    target: Interpreter, reader: str, seconds: float, rate: float, p99: float, around: float, around_ms: float,
    failed: str, version: str,
) -> Run:  # fmt: skip
    return Run(
        workload=WORKLOAD,
        python=target.version,
        reader=reader,
        seconds=seconds,
        version=version,
        rate=None if failed else rate,
        beside=around,
        p99_ms=None if failed else p99,
        p99_beside_ms=around_ms,
        failed=failed,
    )


def _around(alone: Sequence[tuple[float, float]], number: int) -> tuple[float, float]:
    before, after = alone[number - 1], alone[number + 1]
    return (before[0] + after[0]) / 2, (before[1] + after[1]) / 2


def _watched(reader: Peer, target: Interpreter, pid: int, port: int, seconds: float) -> tuple[float, float, str]:
    """Load the service while a reader looks: requests a second, the slowest hundredth, why it did not run."""
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        command = reader.command(Asked(target, WORKLOAD, pid, seconds + START_S + 1, Path(folder) / "out"))
        with words.open("w") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as looking:
            time.sleep(START_S)
            if looking.poll() is not None and looking.returncode not in reader.fine:
                return (
                    0.0,
                    0.0,
                    f"exit status {looking.returncode}: {last_words(words.read_text(errors='replace'), pid)}",
                )
            rate, p99 = _load(port, seconds)
            looking.wait()
    return rate, p99, ""


@contextlib.contextmanager
def _service(python: Interpreter) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench_app.py").write_text(APP)
        command = python.command("-m", "uvicorn", "bench_app:app", "--port", str(port), "--log-level", "error")
        with subprocess.Popen([*command, "--no-access-log"], cwd=folder) as process:
            try:
                _await(port)
                yield process.pid, port
            finally:
                os.kill(process.pid, signal.SIGKILL)


def _await(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("the service did not start")


def _load(port: int, seconds: float) -> tuple[float, float]:
    command = [tool("wrk"), "-t1", "-c8", f"-d{max(1, int(seconds))}s", "--latency", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, slow = RATE.search(said), LATENCY.search(said)
    if not rate or not slow:
        raise RuntimeError(f"wrk said what is not understood: {said}")
    return float(rate[1]), float(slow[1]) * IN_MS[slow[2]]
