"""A coroutine that enters a task group or cancel scope and returns while it is open, for another to close.

A scope must be left by the task that entered it. One that `connect()` enters on a stack kept elsewhere and `close()`
leaves is left by another task whenever the two are called from two tasks, such as two requests.
"""

from __future__ import annotations

import ast

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body
from spindoctor.shapes.scopes import SCOPES, Scopes, closing_block

SHAPE = "scope-entered-by-hand"

DELEGATES = frozenset({"__aenter__", "__enter__"})
"""Methods that enter for `async with`, whose other half leaves in the same task."""


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each entry on something that neither was made in the same function nor is closed by it."""
    return [
        Candidate(SHAPE, body.function, file, line)
        for body in bodies.all
        if isinstance(body.node, ast.AsyncFunctionDef) and body.node.name not in DELEGATES
        for line in _entries(bodies, body)
    ]


def _entries(bodies: Bodies, body: Body) -> list[int]:
    nodes = body.own()
    if any(isinstance(node, ast.Yield) for node in nodes):
        return []
    made = {
        one.id for node in nodes if isinstance(node, ast.Assign) for one in node.targets if isinstance(one, ast.Name)
    }
    entries = Scopes(bodies, nodes, SCOPES).entries
    kept = [one for one in entries if _root(one) not in made and closing_block(one, nodes) is None]
    return [one.lineno for one in kept]


def _root(call: ast.Call) -> str:
    """The variable that keeps what is entered: `stack` of `stack.enter_async_context(...)`."""
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    return receiver.id if isinstance(receiver, ast.Name) else ""
