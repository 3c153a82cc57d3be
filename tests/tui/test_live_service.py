"""The live view's engine on a real process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from spindoctor import session
from spindoctor.errors import Gone

SERVICE = """
import asyncio, threading
def burn():
    while True:
        pass
async def main():
    print("ready", flush=True)
    await asyncio.gather(*(asyncio.sleep(60) for _ in range(7)))
threading.Thread(target=burn, name="burner", daemon=True).start()
asyncio.run(main())
"""


@pytest.fixture
def service() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.live
def test_steps_show_the_thread_that_burns_and_the_tasks_that_wait(service: subprocess.Popen[str]) -> None:
    live = session.live(service.pid, 50.0)
    live.step(0.4)
    board = live.step(0.4)

    hottest = max(board.sheet("threads").rows, key=lambda row: row.cells[2])
    assert hottest.cells[0] == "burner"
    assert board.sheet("functions").rows[0].cells[4] == "burn"
    assert board.sheet("tasks").rows[0].cells[0] == 7
    assert board.gauges.gil_held > 0.5
    assert 0 < board.gauges.own_cores < 0.9


@pytest.mark.live
def test_a_service_that_ends_is_gone_at_the_next_step(service: subprocess.Popen[str]) -> None:
    live = session.live(service.pid, 50.0)
    service.kill()
    service.wait()

    with pytest.raises(Gone):
        live.step(0.2)
