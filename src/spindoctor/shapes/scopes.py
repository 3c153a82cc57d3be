"""Which expressions are task groups and cancel scopes, by name, and where they are entered."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from itertools import islice

from spindoctor.shapes.bodies import Bodies

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

ENTERS = frozenset({"enter_async_context", "enter_context"})
BY_HAND = frozenset({"__aenter__", "__enter__"})

MOST_ENTRIES = 5
"""Scopes entered by hand in one function; the bound keeps any text cheap."""

With = ast.With | ast.AsyncWith


class Scopes:
    """Tells which expressions of one body are scopes, by what is called and by the variables it was given to.

    `entries` are the calls that enter one without `with`: `stack.enter_async_context(scope)`, `scope.__aenter__()`.
    """

    def __init__(self, bodies: Bodies, nodes: Sequence[ast.AST], names: frozenset[str]) -> None:
        """Learn the variables, then find the entries."""
        self._bodies = bodies
        self._names = names
        given = [node for node in nodes if isinstance(node, ast.Assign) and bodies.called(node.value) in names]
        self._variables = {one.id for node in given for one in node.targets if isinstance(one, ast.Name)}
        entering = (node for node in nodes if isinstance(node, ast.Call) and self._is_entered_by(node))
        self.entries = list(islice(entering, MOST_ENTRIES))

    def is_one(self, node: ast.AST) -> bool:
        """Whether an expression is a call that makes a scope, or a variable that holds one."""
        return self._bodies.called(node) in self._names or (isinstance(node, ast.Name) and node.id in self._variables)

    def _is_entered_by(self, call: ast.Call) -> bool:
        if not isinstance(call.func, ast.Attribute):
            return False
        if call.func.attr in ENTERS:
            return any(self.is_one(one) for one in call.args)
        return call.func.attr in BY_HAND and self.is_one(call.func.value)


def closing_block(call: ast.Call, nodes: Iterable[ast.AST]) -> list[ast.stmt] | None:
    """The body of the `with ... as stack` whose stack a call enters into, and which closes what was entered."""
    stack = call.func.value if isinstance(call.func, ast.Attribute) else None
    name = stack.id if isinstance(stack, ast.Name) else ""
    withs = (node for node in nodes if isinstance(node, With))
    return next((node.body for node in withs if any(_binds(item, name) for item in node.items)), None)


def _binds(item: ast.withitem, name: str) -> bool:
    return isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name
