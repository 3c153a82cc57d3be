"""Threads that work for a request by order of a task, on real processes: whose request it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from cases import started
from interpreters import every_python, python

from spindoctor import session
from spindoctor.model.closeup import Extras
from spindoctor.model.recording import Recording

pytestmark = pytest.mark.live
TARGET = Path(__file__).with_name("target_errands.py")


def routes_by_thread(recording: Recording) -> dict[str, Counter[str]]:
    (process,) = recording.processes
    names = {one.tid: one.name or "" for one in process.threads}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in process.samples:
        for look in sample.threads:
            found[names[look.tid]][str(look.route)] += 1
    return found


@every_python
def test_a_thread_works_for_the_request_whose_task_awaits_it(version: str) -> None:
    interpreter = python(version)
    with started(interpreter.command(interpreter.place(TARGET))) as (pid, _):
        recording = session.look(pid, seconds=1.0, extras=Extras(asks_routes=True))

    found = routes_by_thread(recording)
    (pool,) = (name for name in found if name.startswith(("asyncio", "ThreadPool")))
    most = {name: counts.most_common(1)[0][0] for name, counts in found.items()}
    assert (most[pool], most["worker"], most["nobody's"]) == ("GET /pool", "GET /worker", "None")
    assert set(found["nobody's"]) == {"None"}
