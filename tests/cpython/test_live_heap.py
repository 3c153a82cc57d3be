"""What the collector keeps of its generations, beside what the program itself says of them."""

from __future__ import annotations

import pytest
from cases import started
from interpreters import every_python, python

from spindoctor.probe.interpreter import Interpreter

pytestmark = pytest.mark.live

KEEPS = """
import gc, json, os, signal, sys
signal.alarm(60)
gc.set_threshold(701, 11, 12)
kept = [[number] for number in range(50000)]
gc.collect()
told = {"kept": len(gc.get_objects())}
print(json.dumps(told), flush=True)
sys.stdin.readline()
"""
MEANWHILE = 3000
"""What a program makes to tell how many objects there are, and what counters do not see (frozen, untracked since)."""


@every_python
def test_the_heap_is_as_large_as_the_program_says(version: str) -> None:
    """It has come to rest: what is read does not change."""
    interpreter = python(version)
    with started(interpreter.command("-c", KEEPS)) as (pid, told):
        heap = Interpreter.attach(pid).collector.heap()

    size = heap.live if heap.survivors is None else heap.survivors + (heap.pending or 0)
    assert heap.thresholds[:2] == (701, 11)
    assert told["kept"] >= 50_000
    assert size == pytest.approx(told["kept"], abs=MEANWHILE)
    assert heap.counts[0] < MEANWHILE
