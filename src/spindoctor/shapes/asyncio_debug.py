"""Calls that turn the debug mode of asyncio on: `loop.set_debug(True)`, `asyncio.run(..., debug=True)`.

The mode itself is read from the running loop; what is found here is only where it may have been turned on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies

SHAPE = "asyncio-debug"
RUNNERS = frozenset({"run", "Runner"})
"""By the last part of their name: what else is called so is offered only where a loop is in debug mode."""


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each such call."""
    return [Candidate(SHAPE, body.function, file, line) for body in bodies.all for line in _lines(bodies, body.own())]


def _lines(bodies: Bodies, nodes: list[ast.AST]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, ast.Call) and (_sets(node) or _starts(bodies, node)):
            yield node.lineno


def _sets(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and call.func.attr == "set_debug"
    return named and bool(call.args) and _may_be_true(call.args[0])


def _starts(bodies: Bodies, call: ast.Call) -> bool:
    given = [one.value for one in call.keywords if one.arg == "debug"]
    return bool(given) and _may_be_true(given[0]) and bodies.named(call.func) in RUNNERS


def _may_be_true(node: ast.expr) -> bool:
    """Whether the value may be true: only a constant is known to be false."""
    return not isinstance(node, ast.Constant) or bool(node.value)
