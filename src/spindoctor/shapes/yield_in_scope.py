"""Async generators that yield inside a task group or cancel scope.

Such a generator leaves its scope in whatever task closes it, or in none: a consumer that breaks off leaves the scope
open, and the garbage collector's hook closes the generator in a task of its own (PEP 525, PEP 789). The anyio and Trio
documentation forbid it except under `@asynccontextmanager`; there the shape is told apart (`MANAGED`), because it is
right as long as the manager is entered and left by one task.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import islice

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body, end, own

SHAPE = "yield-in-scope"
MANAGED = "yield-in-managed-scope"

SCOPES = frozenset(
    {
        "streamablehttp_client",
        "streamable_http_client",
        "sse_client",
        "stdio_client",
        "websocket_client",
        "create_task_group",
        "TaskGroup",
        "open_nursery",
        "CancelScope",
        "move_on_after",
        "move_on_at",
        "fail_after",
        "fail_at",
        "timeout",
        "timeout_at",
    }
)
"""What anyio, Trio, asyncio and async-timeout call their task groups and cancel scopes; first, the context managers of
the `mcp` package, which open a task group inside."""

MANAGERS = frozenset({"asynccontextmanager", "contextmanager"})
ENTERS = frozenset({"enter_async_context", "enter_context"})
BY_HAND = frozenset({"__aenter__", "__enter__"})


MOST_ENTRIES = 5
"""Scopes entered by hand in one function; the bound keeps any text cheap."""

With = ast.With | ast.AsyncWith


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
    scopes = _Scopes(bodies, nodes, names)
    for node in nodes:
        if isinstance(node, With) and any(scopes.is_one(item.context_expr) for item in node.items):
            yield from _yields(own(node.body))
    entries = (node for node in nodes if isinstance(node, ast.Call) and scopes.is_entered_by(node))
    for entry in islice(entries, MOST_ENTRIES):
        block = own(_block(entry, nodes) or body.node.body)
        yield from _yields(one for one in block if end(one) > end(entry))


def _yields(nodes: Iterable[ast.AST]) -> list[int]:
    return [node.lineno for node in nodes if isinstance(node, ast.Yield)]


def _block(call: ast.Call, nodes: Iterable[ast.AST]) -> list[ast.stmt] | None:
    """The body of the `with ... as stack` whose stack is entered into; it closes what was entered."""
    stack = ast.unparse(call.func).rpartition(".")[0]
    withs = [node for node in nodes if isinstance(node, With)]
    return next((node.body for node in withs if any(_binds(item, stack) for item in node.items)), None)


def _binds(item: ast.withitem, name: str) -> bool:
    return isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name


class _Scopes:
    """Tells which expressions of one body are scopes, by what is called and by the variables it was given to."""

    def __init__(self, bodies: Bodies, nodes: Iterable[ast.AST], names: frozenset[str]) -> None:
        self.bodies = bodies
        self.names = names
        given = [node for node in nodes if isinstance(node, ast.Assign) and bodies.called(node.value) in names]
        self.variables = {one.id for node in given for one in node.targets if isinstance(one, ast.Name)}

    def is_one(self, node: ast.AST) -> bool:
        return self.bodies.called(node) in self.names or (isinstance(node, ast.Name) and node.id in self.variables)

    def is_entered_by(self, call: ast.Call) -> bool:
        """`stack.enter_async_context(scope)` or `scope.__aenter__()`."""
        if not isinstance(call.func, ast.Attribute):
            return False
        if call.func.attr in ENTERS:
            return any(self.is_one(one) for one in call.args)
        return call.func.attr in BY_HAND and self.is_one(call.func.value)
