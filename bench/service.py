"""A FastAPI service under load, with and without a reader: requests a second and the slowest hundredth."""

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
from dataclasses import dataclass
from pathlib import Path

from measuring import Run
from peers import Peer, tool
from pythons import Interpreter

APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def root(size: int = 200):
    return {"items": [{"id": n, "name": f"item {n}"} for n in range(size)]}
"""
NEEDS = ("fastapi==0.115.6", "uvicorn==0.34.0")
LATENCY = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Served(Run):
    """A run under load; `rate` is in requests a second."""

    p99_ms: float | None = None


def serve(target: Interpreter, readers: Sequence[Peer], seconds: float) -> Iterator[Served]:
    """Load the service with nobody looking, then with each reader; nothing where `wrk` is missing."""
    if not tool("wrk"):
        return
    with _service(target.venv(list(NEEDS))) as (pid, port), tempfile.TemporaryDirectory() as folder:
        _load(port, 1.0)
        for reader in (None, *readers):
            if reader and reader.versions and target.version not in reader.versions:
                continue
            looking = None
            if reader:
                command = reader.command(target, pid, seconds + 1, Path(folder) / "out")
                looking = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.6)
            rate, p99 = _load(port, seconds)
            if looking:
                looking.wait()
            yield Served("fastapi", target.version, reader.name if reader else "none", rate=rate, p99_ms=p99)


@contextlib.contextmanager
def _service(python: Interpreter) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench_app.py").write_text(APP)
        command = python.command("-m", "uvicorn", "bench_app:app", "--port", str(port), "--log-level", "error")
        with subprocess.Popen(command, cwd=folder) as process:
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


def _load(port: int, seconds: float) -> tuple[float | None, float | None]:
    command = [tool("wrk"), "-t1", "-c8", f"-d{max(1, int(seconds))}s", "--latency", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, slow = RATE.search(said), LATENCY.search(said)
    return float(rate[1]) if rate else None, float(slow[1]) * IN_MS[slow[2]] if slow else None
