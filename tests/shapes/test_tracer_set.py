"""Calls that set a trace or profile function; `# <-` marks the lines to be found."""

from __future__ import annotations

import textwrap

import pytest

from spindoctor.shapes import find_shapes

FOUND = {
    "for one thread": ("trace", "def begin():\n    sys.settrace(recorder.on_line)  # <-\n"),
    "for threads to come": ("trace", "threading.settrace(on_line)  # <-\n"),
    "for all threads": ("profile", "from threading import setprofile_all_threads as watch\nwatch(on_call)  # <-\n"),
    "a profiler": (
        "profile",
        "async def middleware(request, call):\n    with cProfile.Profile():  # <-\n        pass\n",
    ),
    "twice in a line": ("profile", "threading.setprofile(on_call); sys.setprofile(on_call)  # <-\n"),
}

LEFT_OUT = {
    "taken away": "sys.settrace(None)\nsys.setprofile(None)\n",
    "asked for": "before = sys.gettrace()\n",
    "nothing given": "sys.settrace()\n",
}


@pytest.mark.parametrize("name", FOUND)
def test_the_call_is_found(name: str) -> None:
    kind, text = FOUND[name]
    source = textwrap.dedent(text)

    found = find_shapes(source, "/srv/app.py")

    marked = [number for number, line in enumerate(source.splitlines(), 1) if "# <-" in line]
    assert [(one.shape, one.line) for one in found] == [(f"{kind}-function-set", line) for line in marked]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_sets_none_is_no_candidate(name: str) -> None:
    assert find_shapes(LEFT_OUT[name], "/srv/app.py") == ()
