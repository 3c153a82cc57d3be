"""An interrupt ends a look and lets what was seen be written."""

from __future__ import annotations

import os
import signal

import pytest

from spindoctor.cli.interrupts import deferred


def interrupt() -> None:
    """Ctrl-C, as the terminal sends it; the handler runs before this returns."""
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_ends_the_look_at_its_next_moment_and_nothing_else() -> None:
    told: list[str] = []
    with deferred() as interrupts:
        progress = interrupts.watched(lambda _, what: told.append(what))
        progress(0.1, "looking")
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            progress(0.2, "looking")
        told.append("written")

    assert told == ["looking", "written"]


def test_a_second_interrupt_says_that_it_is_being_finished(capsys: pytest.CaptureFixture[str]) -> None:
    with deferred():
        interrupt()
        interrupt()

    assert "what was seen is being finished; Ctrl-C once more drops it" in capsys.readouterr().err


def test_who_insists_is_obeyed_at_once() -> None:
    with deferred():
        interrupt()
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_afterwards_an_interrupt_is_what_it_was() -> None:
    with deferred():
        pass

    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_where_interrupts_are_ignored_they_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred() as interrupts:
            interrupt()
        assert interrupts.times == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_program_politely_lets_what_was_seen_be_written(sent: signal.Signals) -> None:
    """`timeout`, a container that is stopped, a terminal that is closed."""
    with deferred() as interrupts:
        os.kill(os.getpid(), sent)
        with pytest.raises(KeyboardInterrupt):
            interrupts.watched(None)(0.1, "looking")

    assert signal.getsignal(sent) is signal.SIG_DFL


def test_a_closed_terminal_is_ignored_where_nohup_says_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with deferred() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.times == 0
    finally:
        signal.signal(signal.SIGHUP, before)
