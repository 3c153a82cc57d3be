"""Command lines run inside the test, on a session that looks at nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import fake_session
import pytest
from ended import Ended

import spindoctor
from spindoctor.cli.endings import run

WIRED = (
    "looking", "delivery", "forms", "diagnose", "replay", "survey", "bundle", "record", "export", "dump", "top",
)  # fmt: skip
"""The commands that import the session."""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_session.FakeSession]:
    fake = fake_session.FakeSession()
    monkeypatch.setitem(sys.modules, "spindoctor.session", fake)
    monkeypatch.setattr(spindoctor, "session", fake, raising=False)
    for name in WIRED:
        sys.modules.pop(f"spindoctor.cli.{name}", None)
    yield fake
    for name in WIRED:
        sys.modules.pop(f"spindoctor.cli.{name}", None)


@pytest.fixture
def spin(session: fake_session.FakeSession, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:  # noqa: ARG001
    """Runs `spindoctor` with arguments."""

    def call(*arguments: str) -> Ended:
        code = run(arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call
