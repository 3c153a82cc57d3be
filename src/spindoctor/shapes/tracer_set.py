"""Calls that have a function called by the way: `sys.settrace(...)`, `threading.setprofile(...)`, a `Profile`.

Whether one is set is read from the threads; what is found here is only where it may have been set.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body

SHAPES = {
    "settrace": "trace-function-set",
    "settrace_all_threads": "trace-function-set",
    "setprofile": "profile-function-set",
    "setprofile_all_threads": "profile-function-set",
    "Profile": "profile-function-set",
}
"""By the last part of the name; what else is called `Profile` is offered only where a profile function is set."""

PROFILER = "Profile"


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each line with such a call."""
    found = (Candidate(shape, body.function, file, line) for body in bodies.all for shape, line in _lines(bodies, body))
    return list(dict.fromkeys(found))


def _lines(bodies: Bodies, body: Body) -> Iterator[tuple[str, int]]:
    for node in body.own():
        called = bodies.called(node)
        if isinstance(node, ast.Call) and called in SHAPES and (called == PROFILER or _sets(node)):
            yield SHAPES[called], node.lineno


def _sets(call: ast.Call) -> bool:
    """Whether a function is given: None takes away what was set."""
    return bool(call.args) and not (isinstance(call.args[0], ast.Constant) and call.args[0].value is None)
