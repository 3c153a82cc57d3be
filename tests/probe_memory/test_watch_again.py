"""A look that met a torn stack is made again from the CPU of the thread that tore it, and counts once."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.probe.last_look import LastLook
from spindoctor.probe.watcher import ProcessWatch

TORN = ThreadLook(7, (), ran_ns=1_000_000, is_complete=False)
CPU_OF = {7: 1, 8: 0, 9: 3}
WHOLE = ThreadLook(7, (), ran_ns=2_000_000)
SLEEPS = ThreadLook(7, (), is_complete=False)


def looks(
    *met: ThreadLook | tuple[ThreadLook, ...], leads: bool = True, unclear: int | None = None
) -> tuple[list[ThreadLook], list[int | None]]:
    """What is kept of a look of which each try meets the next of these, and where it was asked to go from."""
    watch = cast("Any", ProcessWatch.__new__(ProcessWatch))
    watch.samples, watch.missed, watch._last = [], Counter(), LastLook()
    watch._runners = SimpleNamespace(settle=lambda: None)
    watch._extras = SimpleNamespace(is_brief=True)
    watch._hot = SimpleNamespace(unclear=lambda *_: unclear)
    watch._cpu = SimpleNamespace(read=CPU_OF.get)
    tries, asked = iter(met), list[int | None]()

    def look(at_s: float) -> Sample:
        threads = next(tries)
        watch._last.fresh = {one.tid: one for one in (threads if isinstance(threads, tuple) else (threads,))}
        return Sample(at_s, tuple(watch._last.fresh.values()))

    def approach(cpu: int | None) -> bool:
        asked.append(cpu)
        return leads

    watch._look = look
    watch.look(0.5, approach)
    return [one for sample in watch.samples for one in sample.threads], asked


@pytest.mark.parametrize(
    ("met", "kept", "asked"),
    [((WHOLE,), WHOLE, []), ((SLEEPS,), SLEEPS, []), ((TORN, WHOLE), WHOLE, [1]), ((TORN, TORN), TORN, [1])],
    ids=["whole", "torn of one that did not run", "whole at last", "torn twice"],
)
def test_a_torn_stack_is_looked_at_once_more(
    met: tuple[ThreadLook, ...], kept: ThreadLook, asked: list[int | None]
) -> None:
    assert looks(*met) == ([kept], asked)


def test_where_no_way_leads_nearer_it_stays_torn() -> None:
    assert looks(TORN, leads=False) == ([TORN], [1])


def test_where_to_look_from_is_the_torn_threads_cpu_not_the_hottest_ones() -> None:
    """Thread 8 ran most, and its stack is whole; of the two that are torn thread 7 ran more."""
    hottest, little = ThreadLook(8, (), ran_ns=9_000_000), ThreadLook(9, (), ran_ns=500_000, is_complete=False)

    assert looks((hottest, little, TORN), WHOLE) == ([WHOLE], [1])


def test_one_whose_selector_shows_too_little_is_looked_at_once_more() -> None:
    assert looks(SLEEPS, WHOLE, unclear=8) == ([WHOLE], [0])
