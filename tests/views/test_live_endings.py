"""A service that ends or is stopped while it is looked at: what was seen until then is reported."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from spindoctor.errors import ExitCode

pytestmark = pytest.mark.live
SECONDS = "3"
SERVICE = """
import asyncio, time
async def main():
    end = time.monotonic() + 40
    while time.monotonic() < end:
        sum(range(200_000))
        await asyncio.sleep(0.01)
print("ready", flush=True)
asyncio.run(main())
"""

HEADLESS = """
import ctypes, signal, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
ctypes.CDLL(None).pthread_exit(None)
"""
"""Its first thread ends at a signal, and leaves another one."""


@pytest.fixture
def service() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def looked_at(service: subprocess.Popen[str], sent: signal.Signals, after_s: float) -> tuple[int, str, str]:
    """Exit code, report and remarks of a look in which the service gets a signal `after_s` into it."""
    command = [sys.executable, "-m", "spindoctor", "diagnose", str(service.pid), "--seconds", SECONDS, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as doctor:
        assert doctor.stderr
        assert "looking" in doctor.stderr.readline()
        timer = threading.Timer(after_s, service.send_signal, [sent])
        timer.start()
        out, remarks = doctor.communicate(timeout=30)
        timer.join()
        return doctor.returncode, out, remarks


@pytest.mark.parametrize("after_s", [0.7, 1.4, 1.6, 2.6])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_seen_before_the_end_is_reported(
    service: subprocess.Popen[str], sent: signal.Signals, after_s: float
) -> None:
    code, out, remarks = looked_at(service, sent, after_s)

    report = json.loads(out)
    assert report["look"]["looks"] > after_s * 30
    assert any("ended while it was looked at" in note for note in report["notes"])
    assert "What was seen until then follows" in remarks
    assert code in {0, 1}


def test_a_first_thread_that_ends_alone_is_no_end_of_the_process() -> None:
    with subprocess.Popen([sys.executable, "-c", HEADLESS], stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout
            assert service.stdout.readline() == "ready\n"
            _, out, remarks = looked_at(service, signal.SIGUSR1, 0.7)
        finally:
            service.kill()

    assert any("The first thread of process" in note for note in json.loads(out)["notes"])
    assert f"try: See which of its threads burns: top -H -p {service.pid}" in remarks


def test_a_stopped_service_is_told_with_what_lets_it_go_on(service: subprocess.Popen[str]) -> None:
    _, out, remarks = looked_at(service, signal.SIGSTOP, 1.0)

    assert any("is stopped" in note for note in json.loads(out)["notes"])
    assert f"try: kill -CONT {service.pid}" in remarks


def test_nothing_is_cleared_of_a_service_that_was_stopped_all_the_time(service: subprocess.Popen[str]) -> None:
    service.send_signal(signal.SIGSTOP)
    time.sleep(0.3)

    code, out, remarks = looked_at(service, signal.SIGSTOP, 0.1)

    assert {one["outcome"] for one in json.loads(out)["outcomes"]} == {"unsure"}
    assert f"try: kill -CONT {service.pid}" in remarks
    assert code == ExitCode.COULD_NOT_LOOK
