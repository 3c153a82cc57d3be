"""What a function opens and puts where it stays: nobody closes it when the function ends.

What a function opens and lets go of is closed as soon as nothing refers to it any more. What it adds to a container or
keeps in an attribute lives on, and somebody else has to close it. Openers are known by what their names say; which
library they belong to does not matter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body

SHAPES = {
    "file": "file-opened-and-kept",
    "socket": "connection-opened-and-kept",
    "pipe": "pipe-opened-and-kept",
}
"""By the kind of descriptor that is opened."""

OPENERS = {
    "file": re.compile(r"^(fd)?open$|^(Named|Spooled)?Temporary(File|_file)$|^mkstemp$"),
    "pipe": re.compile(r"^Popen$|^pipe2?$"),
    "socket": re.compile(r"^(socket|socketpair|urlopen|accept)$|connect(ion)?$|(Connection|Client|Session|Socket)$"),
}
"""What a call is named that opens one."""

ADDS = frozenset({"append", "add", "insert", "appendleft", "put", "put_nowait", "setdefault"})
CLOSES = frozenset({"close", "aclose", "shutdown", "terminate", "kill", "wait", "communicate", "release", "detach"})
MOST = 3
"""In one file: one that keeps all that it opens, as a pool does, is not explained by a list."""


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each call in a function whose result is kept and not closed there."""
    found = [
        Candidate(SHAPES[kind], body.function, file, line)
        for body in bodies.all
        if not isinstance(body.node, ast.Module)
        for kind, line in _opened(bodies, body)
    ]
    return found[:MOST]


def _opened(bodies: Bodies, body: Body) -> Iterator[tuple[str, int]]:
    if body.function.rpartition(".")[2] == "__init__":
        return  # it makes what the object has for life
    nodes = body.own()
    kept, closed = _kept(nodes), _closed(nodes)
    for node in nodes:
        if isinstance(node, ast.Assign) and (kind := _kind(bodies, node.value)):
            names = {one.id for one in node.targets if isinstance(one, ast.Name)}
            if names & kept - closed:
                yield kind, node.value.lineno
        elif isinstance(node, ast.Call) and _method(node) in ADDS:
            yield from ((kind, one.lineno) for one in node.args if (kind := _kind(bodies, one)))


def _kind(bodies: Bodies, node: ast.expr) -> str | None:
    """The kind of descriptor that this call opens; None for anything else."""
    opened = node.value if isinstance(node, ast.Await) else node
    name = bodies.called(opened)
    return next((kind for kind, pattern in OPENERS.items() if name and pattern.search(name)), None)


def _kept(nodes: Sequence[ast.AST]) -> set[str]:
    """The variables that are added to a container, or are put into an item or an attribute."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Call) and _method(node) in ADDS:
            found |= {one.id for one in node.args if isinstance(one, ast.Name)}
        stays = isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Attribute | ast.Subscript) for to in node.targets
        )
        if stays and isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            found.add(node.value.id)
    return found


def _closed(nodes: Sequence[ast.AST]) -> set[str]:
    """The variables that are closed here, or entered by `with`."""
    found = {
        node.func.value.id
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in CLOSES
    }
    entered = [item for node in nodes if isinstance(node, ast.With | ast.AsyncWith) for item in node.items]
    return found | {one.id for item in entered for one in ast.walk(item.context_expr) if isinstance(one, ast.Name)}


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
