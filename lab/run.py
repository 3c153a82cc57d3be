"""Starts a case of the lab, sick or cured, on a Python of choice, and ends it again.

`python lab/run.py` lists the cases; `python lab/run.py SLUG/VARIANT [--cured] [--python 3.12] [--loop uvloop]` starts
one and prints its pid; `--figures SECONDS` shows what /proc says about it and ends it. As a library:
`with running(case, "sick", python) as scene`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import proc_figures
import pythons
from lab_cases import CASES, Case, all_cases

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
SERVER_PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.14")  # nx-27017 runs on these
READY_S = 45  # a cold start of FastAPI on a loaded machine takes 10 s
LIFE_S = 60
BACKGROUND = (
    "import signal, time; signal.alarm({life})\n"
    "while True:\n"
    "    end = time.monotonic() + 0.05\n"
    "    while time.monotonic() < end: pass\n"
    "    time.sleep(0.05)\n"
)


class LabError(Exception):
    """A service that did not come up, with the end of what it printed."""


@dataclass(frozen=True)
class Scene:
    """A running service: the pid it was started with, its port, and its source as it sees it itself."""

    case: Case
    pid: int
    port: int
    source: str

    @property
    def pids(self) -> list[int]:
        """The service's processes, the one that was started first."""
        return proc_figures.family(self.pid)


@contextlib.contextmanager
def running(
    case: Case, which: str, python: pythons.Interpreter, *, options: Sequence[str] = (), background: bool = False
) -> Iterator[Scene]:
    """The service from the moment when its sickness has begun; at the end everything that was started is gone."""
    interpreter = python.venv(case.folder / "requirements.txt")
    source = f"{interpreter.place(CASES)}/{case.name}/{which}.py"
    port = free_port()
    with contextlib.ExitStack() as ends:
        extra = [argument for name in case.backends for argument in ends.enter_context(BACKENDS[name]())]
        if background:
            ends.enter_context(_started([sys.executable, "-c", BACKGROUND.format(life=LIFE_S)], _scratch(ends)))
        log = _scratch(ends)
        process = ends.enter_context(_started(interpreter.command(source, "--port", str(port), *extra, *options), log))
        _wait_until_ready(process, log)
        yield Scene(case, process.pid, port, source)


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def mongo() -> Iterator[list[str]]:
    """A MongoDB wire-protocol server that keeps its data in memory; the options that tell a service where it is."""
    port = free_port()
    with contextlib.ExitStack() as ends:
        place = ends.enter_context(tempfile.TemporaryDirectory())
        files = ["--log-file", f"{place}/log", "--pid-file", f"{place}/pid"]
        program = f"import signal; signal.alarm({2 * LIFE_S}); from nx_27017.nx_27017 import main; main()"
        server = server_python().venv(HERE / "mongo-requirements.txt")
        command = server.command("-c", program, "--db", "memory", "--host", HOST, "--port", str(port), *files)
        log = _scratch(ends)
        _wait_until_listening(ends.enter_context(_started(command, log)), port, log)
        yield ["--mongo-port", str(port)]


@contextlib.contextmanager
def peer() -> Iterator[list[str]]:
    """A server that answers as slowly as it is asked to."""
    port = free_port()
    with contextlib.ExitStack() as ends:
        log = _scratch(ends)
        process = ends.enter_context(_started([sys.executable, str(HERE / "peer.py"), str(port)], log))
        _wait_until_listening(process, port, log)
        yield ["--peer-port", str(port)]


BACKENDS = {"mongo": mongo, "peer": peer}


def server_python() -> pythons.Interpreter:
    """A Python that the MongoDB server runs on."""
    found = pythons.find_interpreters()
    for version in SERVER_PYTHONS:
        if version in found:
            return found[version]
    raise LabError(f"The MongoDB server of the lab needs one of Python {', '.join(SERVER_PYTHONS)}.")


def _scratch(ends: contextlib.ExitStack) -> IO[bytes]:
    """A nameless file for what a program prints: nothing of ours can block it, unlike a pipe."""
    return ends.enter_context(tempfile.TemporaryFile())


@contextlib.contextmanager
def _started(command: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is ended as a whole."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Return when READY has been printed; raise if the service ends before or takes too long."""
    deadline = time.monotonic() + READY_S
    while b"READY" not in _read(log):
        if process.poll() is not None:
            raise LabError(f"The service ended with {process.returncode} before it was ready:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise LabError(f"The service was not ready after {READY_S} s:\n{_tail(log)}")
        time.sleep(0.05)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    """Return when somebody listens on the port; raise if the server ends before or takes too long."""
    deadline = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"The server on port {port} did not come up:\n{_tail(log)}")
        time.sleep(0.05)


def _read(log: IO[bytes]) -> bytes:
    """What was printed so far, without moving the position that the writers share."""
    return os.pread(log.fileno(), 1 << 20, 0)


def _tail(log: IO[bytes]) -> str:
    """The last lines that were printed."""
    return "\n".join(_read(log).decode(errors="replace").splitlines()[-15:])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", help="SLUG or SLUG/VARIANT; without it the cases are listed")
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    parser.add_argument("--cured", action="store_true")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--idle", action="store_true", help="no steady traffic")
    parser.add_argument("--background", action="store_true", help="half a core of other load")
    parser.add_argument("--figures", type=float, metavar="SECONDS", help="show CPU, switches and latency, then end")
    return parser.parse_args()


def _list() -> None:
    """Each case with what would be noticed, as wide as the terminal."""
    width = min(shutil.get_terminal_size((80, 24)).columns, 120)
    for case in all_cases():
        print(f"{case.name} (Python {case.first}-{case.last})")
        print(textwrap.fill(case.symptom, width, initial_indent="    ", subsequent_indent="    "))


def find(name: str) -> Case:
    """The case of this name; of a mechanism alone, the first of its cases."""
    found = next((case for case in all_cases() if name in {case.name, case.slug}), None)
    if found is None:
        raise LabError(f"There is no case {name}; `spindoctor lab` lists them.")
    return found


def _show(scene: Scene, seconds: float | None) -> None:
    """Print the pid and wait for the end, or print the figures of so many seconds."""
    print(f"pid {scene.pid}, port {scene.port}, processes {scene.pids}", flush=True)
    print(f"It ends by itself after {LIFE_S} s. Meanwhile, elsewhere: spindoctor diagnose {scene.pid}", flush=True)
    if seconds:
        print(proc_figures.table(scene.pids, seconds))
        print(proc_figures.latency(scene.port, "/ping", seconds))
        return
    with contextlib.suppress(KeyboardInterrupt):
        while _lives(scene.pid):
            time.sleep(0.2)
        print("It has ended.", flush=True)


def _lives(pid: int) -> bool:
    """Whether a process runs: one that has ended stays a zombie until its parent, we ourselves, asks for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def main() -> int:
    """List the cases, or run one."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    arguments = _arguments()
    if arguments.case is None:
        _list()
        return 0
    found = pythons.find_interpreters()
    if arguments.python not in found:
        print(f"There is no Python {arguments.python} here; found: {', '.join(found)}.", file=sys.stderr)
        return 1
    options = ["--loop", arguments.loop, *(["--idle"] if arguments.idle else [])]
    try:
        case = find(arguments.case)
        print(f"Starting {case.name}; the first time its packages are installed ...", file=sys.stderr, flush=True)
        which = "cured" if arguments.cured or not case.expects else "sick"
        with running(case, which, found[arguments.python], options=options, background=arguments.background) as scene:
            _show(scene, arguments.figures)
    except (LabError, pythons.debian_root.SetupError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
