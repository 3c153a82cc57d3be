"""What is kept of a process that was stopped while it was looked at."""

from __future__ import annotations

import pytest

from spindoctor.model import endings
from spindoctor.model.recording import ProcessRecording
from spindoctor.model.sample import Sample, ThreadLook
from spindoctor.model.tasks import TaskLook
from spindoctor.probe import stops
from spindoctor.probe.stops import until_stop

STOPPED = endings.stopped(7)


def seen(ended: str | None, *ran_ns: int) -> ProcessRecording:
    """Looks a tenth of a second apart, before which the thread had run for so long; slow ones with every second."""
    samples = tuple(Sample(number / 10, (ThreadLook(7, (), ran_ns=ran),)) for number, ran in enumerate(ran_ns))
    slow = tuple(TaskLook(number / 10 + 0.01) for number in range(0, len(ran_ns), 2))
    return ProcessRecording(pid=7, samples=samples, task_looks=slow, ended=ended)


def test_looks_after_the_stop_are_left_out() -> None:
    """It ran before the looks at 0, 0.1 and 0.3 s."""
    kept = until_stop(seen(STOPPED, 9, 9, 0, 9, 0, 0, 0))

    assert [sample.at_s for sample in kept.samples] == [0.0, 0.1, 0.2, 0.3]
    assert [round(look.at_s, 2) for look in kept.task_looks] == [0.01, 0.21]


@pytest.mark.parametrize("ended", [None, endings.ended(7)], ids=["goes on", "has ended"])
def test_of_others_nothing_is_left_out(ended: str | None) -> None:
    whole = seen(ended, 9, 0, 0)

    assert until_stop(whole) == whole


def test_who_never_ran_is_kept_as_it_is() -> None:
    whole = seen(STOPPED, 0, 0, 0)

    assert until_stop(whole) == whole


@pytest.mark.parametrize(
    ("is_stopped", "is_frozen", "told"),
    [
        (False, False, None),
        (True, False, "`kill -CONT 7` lets it go on"),
        (False, True, "frozen by its control group"),
        (True, True, "`kill -CONT 7` lets it go on"),
    ],
    ids=["runs", "stopped", "frozen", "both"],
)
def test_what_keeps_a_process_from_running_is_told(
    monkeypatch: pytest.MonkeyPatch, *, is_stopped: bool, is_frozen: bool, told: str | None
) -> None:
    monkeypatch.setattr(stops, "is_stopped", lambda _pid: is_stopped)
    monkeypatch.setattr(stops, "is_frozen", lambda _pid: is_frozen)

    words = stops.halt(7)

    assert (words is None) == (told is None)
    assert words is None or (str(told) in words and endings.tells_stop(words))
