"""Which functions a thread begins with, and which the interpreter calls at its end."""

from __future__ import annotations

import pytest

from spindoctor.probe.hubs import EXITS, PYTHON


@pytest.mark.parametrize(
    "file",
    [
        "/usr/lib/python3.12/threading.py",
        "/usr/lib/python3.12/concurrent/futures/thread.py",
        "/usr/lib/python3.12/multiprocessing/util.py",
        "/usr/lib/python3.12/logging/__init__.py",
    ],
)
def test_what_the_interpreter_calls_at_its_end_is_no_greenlet(file: str) -> None:
    assert EXITS.search(file)


@pytest.mark.parametrize("file", ["/srv/app.py", "/usr/lib/python3.12/urllib/request.py", "/srv/threading.pyx"])
def test_other_files_may_begin_a_greenlet(file: str) -> None:
    assert not EXITS.search(file)


def test_only_a_program_of_python_itself_begins_in_a_module() -> None:
    assert PYTHON.search("/usr/bin/python3.12")
    assert PYTHON.search("/srv/venv/bin/python (deleted)")
    assert not PYTHON.search("/usr/bin/uwsgi-core")
