"""What the threads of a process are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from spindoctor.probe import roster
from spindoctor.probe.interpreter import Interpreter, ThreadState
from spindoctor.probe.roster import Roster


@pytest.mark.parametrize(("told", "name"), [(None, "MainThread"), ("serving", "serving")])
def test_the_thread_that_a_process_begins_with_has_its_name_whoever_keeps_its_ident(
    monkeypatch: pytest.MonkeyPatch, told: str | None, name: str
) -> None:
    """A library of greenlets puts idents of its own in the place of the threads'; other threads stay without."""
    states = (state(0x1000, 100, told), state(0x2000, 101, None))
    monkeypatch.setattr(roster, "read_native_ids", lambda _: {100: 100, 101: 101})
    known = Roster(cast("Interpreter", SimpleNamespace(pid=100, threads=lambda: states)))

    known.read({100, 101})

    assert known.names == {100: name}


def state(address: int, native_id: int, name: str | None) -> ThreadState:
    return cast(
        "ThreadState", SimpleNamespace(address=address, native_id=native_id, pthread_id=address, python_name=name)
    )
