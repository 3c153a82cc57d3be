"""Progress is calm, cheap and never on stdout."""

from __future__ import annotations

import pytest

from spindoctor.cli.progress import Progress


class Clock:
    """Time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_job_shorter_than_a_second_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    with Progress("pid 42", moves=True, clock=clock) as shown:
        clock.now = 0.99
        shown(0.9, "looking")

    assert capsys.readouterr() == ("", "")


def test_a_line_on_a_terminal_moves_and_is_wiped_away(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    with Progress("pid 42", moves=True, clock=clock) as shown:
        clock.now = 1.5
        shown(0.5, "looking")

    out, err = capsys.readouterr()
    assert out == ""
    assert err == "\r\x1b[K[############............] pid 42: looking\r\x1b[K"


def test_it_draws_ten_times_a_second_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    with Progress("pid 42", moves=True, clock=clock) as shown:
        for step in range(100):
            clock.now = 1.0 + step / 100
            shown(step / 100, "looking")

    assert 9 <= capsys.readouterr().err.count("looking") <= 10


def test_without_a_terminal_each_step_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("pid 42", moves=False) as shown:
        for fraction in (0.0, 0.3, 0.6):
            shown(fraction, "looking")
        shown(1.0, "judging")

    assert capsys.readouterr().err == "spindoctor: pid 42: looking\nspindoctor: pid 42: judging\n"


def test_progress_that_nobody_can_read_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)

    with Progress("pid 42", moves=False) as shown:
        shown(0.5, "looking")
