"""The bodies of a module (its own and its functions'), each without the bodies nested in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef
ELSEWHERE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
"""What runs at another time than the body it stands in (a class's body holds no yields and makes no loops)."""


@dataclass(frozen=True, slots=True)
class Body:
    """A module's or function's statements. `function` is the qualified name as `co_qualname` has it (PEP 3155)."""

    function: str
    node: ast.Module | Function

    def own(self) -> list[ast.AST]:
        """Its nodes in the order of evaluation."""
        return own(self.node.body)


class Bodies:
    """All bodies of one module, and what its imports call by another name."""

    def __init__(self, tree: ast.Module) -> None:
        """Walk the tree once."""
        self.all = [Body("<module>", tree), *_functions(tree)]
        self.renamed = {
            alias.asname: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname
        }

    def called(self, node: ast.AST) -> str:
        """The last part of the name that a call calls (`anyio.fail_after(1)`: `fail_after`), "" for anything else."""
        return self.named(node.func) if isinstance(node, ast.Call) else ""

    def named(self, node: ast.AST) -> str:
        """The last part of a name as it was before an import renamed it, "" for what is no name."""
        if isinstance(node, ast.Attribute):
            return node.attr
        return self.renamed.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def own(statements: Sequence[ast.stmt]) -> list[ast.AST]:
    """The nodes of these statements in the order of evaluation (by their ends), without nested bodies."""
    found: list[ast.AST] = []
    left: list[ast.AST] = list(statements)
    while left:
        node = left.pop()
        if not isinstance(node, ELSEWHERE):
            found.append(node)
            left.extend(ast.iter_child_nodes(node))
    return sorted((node for node in found if hasattr(node, "end_lineno")), key=end)


def end(node: ast.AST) -> tuple[int, int]:
    """Where a node ends; of two calls in one chain the one that ends first runs first."""
    return getattr(node, "end_lineno", None) or 0, getattr(node, "end_col_offset", None) or 0


def _functions(tree: ast.Module) -> Iterator[Body]:
    left: list[tuple[ast.AST, str]] = [(tree, "")]
    while left:
        node, prefix = left.pop()
        for child in ast.iter_child_nodes(node):
            inside = prefix
            if isinstance(child, Function):
                yield Body(prefix + child.name, child)
                inside = f"{prefix}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inside = f"{prefix}{child.name}."
            left.append((child, inside))
