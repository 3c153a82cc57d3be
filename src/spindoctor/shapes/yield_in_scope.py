"""Async generators that yield inside a task group or cancel scope.

Such a generator leaves its scope in whatever task closes it, or in none: a consumer that breaks off leaves the scope
open, and the garbage collector's hook closes the generator in a task of its own (PEP 525, PEP 789). The anyio and Trio
documentation forbid it except under `@asynccontextmanager`; there the shape is told apart (`MANAGED`), because it is
right as long as the manager is entered and left by one task.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body, end, own
from spindoctor.shapes.scopes import SCOPES, Scopes, With, closing_block

SHAPE = "yield-in-scope"
MANAGED = "yield-in-managed-scope"

MANAGERS = frozenset({"asynccontextmanager", "contextmanager"})


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each `yield` inside a scope; managers in the same file that hold a scope count as scopes."""
    managed = {body.function for body in bodies.all if _is_managed(bodies, body)}
    holders = {body.function for body in bodies.all if body.function in managed and any(_lines(bodies, body, SCOPES))}
    names = SCOPES | {name.rpartition(".")[2] for name in holders}
    return [
        Candidate(MANAGED if body.function in managed else SHAPE, body.function, file, line)
        for body in bodies.all
        if isinstance(body.node, ast.AsyncFunctionDef)
        for line in dict.fromkeys(_lines(bodies, body, names))
    ]


def _is_managed(bodies: Bodies, body: Body) -> bool:
    decorators = [] if isinstance(body.node, ast.Module) else body.node.decorator_list
    return any(bodies.named(one) in MANAGERS for one in decorators)


def _lines(bodies: Bodies, body: Body, names: frozenset[str]) -> Iterator[int]:
    """The lines of the yields that stand inside a scope."""
    nodes = body.own()
    scopes = Scopes(bodies, nodes, names)
    for node in nodes:
        if isinstance(node, With) and any(scopes.is_one(item.context_expr) for item in node.items):
            yield from _yields(own(node.body))
    for entry in scopes.entries:
        block = own(closing_block(entry, nodes) or body.node.body)
        yield from _yields(one for one in block if end(one) > end(entry))


def _yields(nodes: Iterable[ast.AST]) -> list[int]:
    return [node.lineno for node in nodes if isinstance(node, ast.Yield)]
