"""Every way to call a selector is recognised, with the time it is given and the descriptor it tells of."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from interpreters import SUPPORTED, python

from spindoctor.errors import Misread
from spindoctor.model.watching import Poll
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.polls import PollReader

pytestmark = pytest.mark.live

TARGET = Path(__file__).parent / "target_polling.py"
WAYS = ("bare_select", "bare_poll", "bare_epoll", "standard_selector", "event_loop")
PATIENCE_S = 10
LOOKS = 25


def seen(pid: int) -> Poll | None:
    """The selector call with a time and a descriptor that most looks show: any single one may be torn."""
    interpreter = Interpreter.attach(pid)
    reader, end_s = PollReader(interpreter), time.monotonic() + PATIENCE_S
    found: Counter[Poll] = Counter()
    while time.monotonic() < end_s and found.total() < LOOKS:
        try:
            poll = reader.read(pid, interpreter.stack(interpreter.threads()[0].address).frames)
        except (Misread, IndexError):
            continue
        if poll and poll.timeout_s is not None and (poll.events or poll.asked):
            found[poll] += 1
    return next((poll for poll, _ in found.most_common(1)), None)


@pytest.mark.usefixtures("one_cpu")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", SUPPORTED)
def test_a_selector_call_is_recognised_in_every_way_to_make_it(version: str, way: str) -> None:
    interpreter = python(version)
    command = interpreter.command(interpreter.place(TARGET), way)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            fd = int(process.stdout.readline())
            poll = seen(process.pid)
        finally:
            process.kill()

    assert poll is not None
    assert (*poll.events, *poll.asked)[0] == (fd, 1)
    assert poll.timeout_s != 0
