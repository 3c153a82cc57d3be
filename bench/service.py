"""A FastAPI service under wrk, with and without a reader, in turns: requests a second and the slowest hundredth."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from measuring import PATIENCE_S, SETTLE_S, follow, last_words
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


@dataclass(frozen=True)
class Load:
    """What `wrk` told of one load, and what was around it."""

    rate: float
    p99_ms: float
    cores: float | None = None
    failed: str = ""


def serve(target: Interpreter, readers: Sequence[Peer], seconds: float) -> list[Run]:
    """One round: nobody, a reader, nobody, the next reader ..., nobody; each beside what was around it."""
    with _service(target.venv(list(NEEDS))) as (pid, port):
        _load(port, WARM_S)
        alone, watched = [_load(port, seconds)], []
        for reader in readers:
            watched.append(_watched(reader, target, pid, port, seconds))
            alone.append(_load(port, seconds))
    around = [_mean(*both) for both in itertools.pairwise(alone)]
    runs = [
        replace(_run(target, reader.name, seconds, load, by), version=reader.version(target))
        for reader, load, by in zip(readers, watched, around, strict=True)
    ]
    nobody = [  # a load with nobody between its own two neighbours: what the method says of no difference
        _run(target, NOBODY, seconds, alone[n], _mean(alone[n - 1], alone[n + 1])) for n in range(1, len(alone) - 1)
    ]
    return runs + nobody


def _mean(one: Load, other: Load) -> Load:
    return Load((one.rate + other.rate) / 2, (one.p99_ms + other.p99_ms) / 2)


def _run(target: Interpreter, reader: str, seconds: float, load: Load, around: Load) -> Run:
    return Run(
        workload=WORKLOAD,
        python=target.version,
        reader=reader,
        seconds=seconds,
        cores=load.cores,
        rate=None if load.failed else load.rate,
        beside=around.rate,
        p99_ms=None if load.failed else load.p99_ms,
        p99_beside_ms=around.p99_ms,
        failed=load.failed,
    )


def _watched(reader: Peer, target: Interpreter, pid: int, port: int, seconds: float) -> Load:
    """Load the service while a reader looks."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        command = reader.command(Asked(target, WORKLOAD, pid, seconds + START_S + 1, Path(folder) / "out"))
        began_s = time.monotonic()
        looking = pool.submit(follow, command, Path(folder), began_s + seconds + PATIENCE_S)
        time.sleep(START_S)
        load = Load(0.0, 0.0) if looking.done() else _load(port, seconds)
        watched, status, _, said = looking.result()
    if status not in reader.fine:
        return Load(0.0, 0.0, failed=f"exit status {status}: {last_words(said, pid)}")
    return replace(load, cores=watched.cores(began_s + SETTLE_S, began_s + START_S + seconds))


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


def _load(port: int, seconds: float) -> Load:
    command = [tool("wrk"), "-t1", "-c8", f"-d{max(1, int(seconds))}s", "--latency", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, slow = RATE.search(said), LATENCY.search(said)
    if not rate or not slow:
        raise RuntimeError(f"wrk said what is not understood: {said}")
    return Load(float(rate[1]), float(slow[1]) * IN_MS[slow[2]])
