"""A timer that a function starts and does not cancel: until it is due it is a thread, whatever became of the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body

SHAPE = "timer-started-and-not-cancelled"

TIMER = "Timer"
"""`threading.Timer`; what a caller of the event loop's own timers makes is no thread."""

STARTS, CANCELS = "start", "cancel"


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each body that makes a timer and starts it, at the start."""
    found = ((body, line) for body in bodies.all if (line := _started(bodies, body)))
    return [Candidate(SHAPE, body.function, file, line) for body, line in found]


def _started(bodies: Bodies, body: Body) -> int | None:
    """The line at which a timer made here is started, and nothing here cancels it; None where there is none."""
    nodes = body.own()
    made = {name for node in nodes if isinstance(node, ast.Assign) for name in _given(bodies, node)}
    cancelled = {receiver for _, receiver in _calls(nodes, CANCELS)}
    starts = ((call, receiver) for call, receiver in _calls(nodes, STARTS))
    lines = (
        call.func.end_lineno or call.lineno
        for call, receiver in starts
        if receiver in made - cancelled or _makes(bodies, call)
    )
    return next(lines, None)


def _given(bodies: Bodies, node: ast.Assign) -> list[str]:
    """The variables and attributes, as they are written, that are given a timer."""
    return [ast.unparse(one) for one in node.targets] if bodies.called(node.value) == TIMER else []


def _calls(nodes: list[ast.AST], method: str) -> Iterator[tuple[ast.Call, str]]:
    """The calls of this method, and on what, as it is written."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node, ast.unparse(node.func.value)


def _makes(bodies: Bodies, call: ast.Call) -> bool:
    """Whether a timer is started as it is made."""
    return isinstance(call.func, ast.Attribute) and bodies.called(call.func.value) == TIMER
