"""Scripts that do nothing themselves but start what was installed: `from shop.cli import main`, then `main()`.

Told from their text alone (Lib/ast): such a script defines no function and no class and has no loop, and one of its
calls, by its name, starts something. What is started is what the call is given (`serve(app)`), else whose it is.
"""

from __future__ import annotations

import ast
import re
import sys

STARTS = re.compile(r"^(main|run|serve|start|cli|launch|work|execute)(_|$|[a-z]*$)")
"""Names of functions that start a service and do not come back."""

OWN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.comprehension)
"""What a script has that does something itself."""


def launched(text: str) -> tuple[str, ...]:
    """The top-level packages, not of the standard library, that a script starts; none where it does more than that."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    if any(isinstance(node, OWN) for node in ast.walk(tree)):
        return ()
    packages = _packages(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and STARTS.match(_last_name(node.func))]
    for call in reversed(calls):
        given = (packages.get(_first_name(one)) for one in (*call.args, *(word.value for word in call.keywords)))
        found = tuple(dict.fromkeys(one for one in given if one)) or (packages.get(_first_name(call.func), ""),)
        if any(found):
            return found
    return ()


def _packages(tree: ast.Module) -> dict[str, str]:
    """The installed package behind each name: one that was imported, or that a value made with one was given."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(one.asname or one.name.partition(".")[0]): one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {(one.asname or one.name): node.module.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.Assign):
            made_with = found.get(_first_name(node.value), "")
            found |= {target.id: made_with for target in node.targets if isinstance(target, ast.Name) and made_with}
    return {name: package for name, package in found.items() if package not in sys.stdlib_module_names}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _first_name(node: ast.expr) -> str:
    """The name that an expression begins with: `shop` of `shop.web.make_app(...)`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return ""
    return node.id
