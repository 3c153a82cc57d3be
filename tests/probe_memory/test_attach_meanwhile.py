"""A process that becomes another program while it is opened is told as that, whatever its memory looked like then."""

from __future__ import annotations

from itertools import cycle

import pytest

from spindoctor.errors import DoctorError
from spindoctor.model.process import Process
from spindoctor.probe import baseline

TARGET = Process(7, 1, 0.0, 1, "python", (), "/usr/bin/python3", "/srv", "www")


@pytest.mark.parametrize(
    ("identities", "words"),
    [([(5, 100), (5, 200)], "Process 7 became another program (exec)"), ([(5, 100), (5, 100)], "libpython is new")],
)
def test_what_fails_because_of_an_exec_is_told_as_one(
    monkeypatch: pytest.MonkeyPatch, identities: list[tuple[int, int]], words: str
) -> None:
    def fail(pid: int) -> None:
        raise DoctorError(f"libpython is new since process {pid} started", "reinstall it")

    seen = cycle(identities)
    monkeypatch.setattr(baseline, "read_identity", lambda *_: next(seen))
    monkeypatch.setattr(baseline.Interpreter, "attach", fail)

    with pytest.raises(DoctorError) as caught:
        baseline.attach(TARGET)

    assert words in caught.value.problem
