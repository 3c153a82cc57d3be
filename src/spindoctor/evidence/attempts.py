"""What swallows a failure, read from the source: the `try` or `suppress` around a line, an endless loop around it."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import Anatomy, Loop, extent, find, last_name, length, own_nodes

ROUNDS = ast.For | ast.AsyncFor | ast.While | ast.comprehension | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""What runs any number of times in one attempt, or later."""

WAYS_AWAY = ast.Continue | ast.Break | ast.Return | ast.Raise
"""Statements by which what follows is not reached."""

SHORTEST_S = 0.01
"""The time between two looks: of waits as long as this some are met."""

ENDLESS = frozenset({"count", "repeat", "cycle", "iter"})
"""What a `for` goes through without end (itertools; `iter(function, sentinel)`)."""


@dataclass(frozen=True)
class Attempt:
    """An endless loop with a `try` in it that swallows what fails.

    `body` are the lines that are tried, `after` those that only run where nothing failed.
    """

    file: str
    loop: Loop
    tried: ast.Try | ast.With
    body: range
    after: frozenset[int]

    @property
    def lines(self) -> range:
        """The lines of the whole loop."""
        return extent(self.loop)

    @property
    def handlers(self) -> set[int]:
        """The lines that catch, and what they do then."""
        return {line for handler in getattr(self.tried, "handlers", ()) for line in extent(handler)}

    @property
    def done(self) -> set[int]:
        """The lines that run only where the whole of what is tried did not fail."""
        return {line for one in self._when_done() for line in extent(one)}

    @property
    def waits_when_done(self) -> bool:
        """Whether every success leads to a sleep before the next attempt, of no mere moment as far as the text says."""
        first = list(itertools.takewhile(lambda one: not _is_sleep(one), self._when_done()))
        leaves = ast.Continue | ast.Return | ast.Break
        goes_round = any(isinstance(node, leaves) for one in self.tried.body for node in _all(one))
        leads_away = any(isinstance(node, WAYS_AWAY) for one in first for node in _all(one))
        return len(first) < len(self._when_done()) and not (goes_round or leads_away)

    @property
    def brings(self) -> set[str]:
        """The variables that an attempt sets once: where one has changed, another attempt has set it."""
        once = {name for one in self.tried.body for name in _stored(_once(one))}
        counts = Counter(name for one in self.tried.body for name in _stored(_all(one)))
        return {name for name in once if counts[name] == 1}  # not one that a loop inside of the attempt sets anew

    def _when_done(self) -> list[ast.stmt]:
        return _behind_all(self.loop, self.tried) if isinstance(self.tried, ast.Try) else []

    def is_elsewhere(self, line: int) -> bool:
        """Whether a line of the loop is neither the attempt, its handler nor the way back to it."""
        return line not in extent(self.tried) and line != self.loop.lineno and line not in self.after


def attempt_around(known: Mapping[str, Sequence[Anatomy]], file: str, line: int) -> Attempt | None:
    """The innermost endless loop in which what fails at this line is swallowed; None where there is none."""
    anatomy = find(known, file, line)
    for loop in anatomy.loops if anatomy else ():
        if line not in extent(loop) or not _is_endless(loop):
            continue
        for tried in sorted(_tries(loop), key=length):
            body = range(tried.body[0].lineno, (tried.body[-1].end_lineno or 0) + 1)
            if line in body and _swallows(tried):
                return Attempt(file, loop, tried, body, frozenset(_after(loop, tried, line)))
    return None


def swallows(known: Mapping[str, Sequence[Anatomy]], file: str, line: int, kinds: frozenset[str]) -> bool:
    """Whether one of these exceptions that comes of this line is caught there and not raised again."""
    anatomy = find(known, file, line)
    for tried in _tries(anatomy.node) if anatomy else ():
        body = range(tried.body[0].lineno, (tried.body[-1].end_lineno or 0) + 1)
        if line in body and any(_keeps(handler, kinds) for handler in getattr(tried, "handlers", ())):
            return True
        if line in body and isinstance(tried, ast.With) and kinds & _suppressed(tried):
            return True
    return False


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that are assigned to."""
    return (node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _keeps(handler: ast.ExceptHandler, kinds: frozenset[str]) -> bool:
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    is_caught = any(one is None or last_name(one) in kinds for one in named)
    return is_caught and not any(isinstance(one, ast.Raise) for one in handler.body)


def _suppressed(node: ast.With) -> set[str]:
    calls = (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call))
    return {last_name(one) for call in calls if last_name(call.func) == "suppress" for one in call.args}


def _is_endless(loop: Loop) -> bool:
    """A `for` ends with what it goes through, unless that is endless."""
    return isinstance(loop, ast.While) or (isinstance(loop.iter, ast.Call) and last_name(loop.iter.func) in ENDLESS)


def _tries(node: ast.AST) -> list[ast.Try | ast.With]:
    found = (one for one in own_nodes(node) if isinstance(one, ast.Try | ast.With))
    return [one for one in found if isinstance(one, ast.Try) or _suppresses(one)]


def _suppresses(node: ast.With) -> bool:
    return bool(_suppressed(node))


def _swallows(tried: ast.Try | ast.With) -> bool:
    """Whether a handler goes on instead of leaving the loop."""
    if isinstance(tried, ast.With):
        return True
    ways_out = ast.Raise | ast.Return | ast.Break
    return any(not isinstance(handler.body[-1], ways_out) for handler in tried.handlers)


def _after(loop: Loop, tried: ast.Try | ast.With, line: int) -> set[int]:
    """The lines that run only where the line that fails did not: the rest of the `try`, and what handlers skip."""
    later = [one for one in tried.body if one.lineno > line]
    if isinstance(tried, ast.Try):
        later += _behind_all(loop, tried)
    return {number for one in later for number in extent(one)}


def _behind_all(loop: Loop, tried: ast.Try) -> list[ast.stmt]:
    """What follows the last statement that is tried."""
    leaves = ast.Continue | ast.Raise | ast.Return | ast.Break
    skip = tried.handlers and all(isinstance(handler.body[-1], leaves) for handler in tried.handlers)
    return [*tried.orelse, *(_behind(loop, tried) if skip else ())]


def _is_sleep(statement: ast.stmt) -> bool:
    """Whether a statement is `await sleep(...)`: where its length is written down, of `SHORTEST_S` and more."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    waited_for = value.value if isinstance(value, ast.Await) else None
    if not isinstance(waited_for, ast.Call) or last_name(waited_for.func) != "sleep":
        return False
    numbers = [one.value for one in waited_for.args if isinstance(one, ast.Constant)]
    return not numbers or (isinstance(numbers[0], int | float) and numbers[0] >= SHORTEST_S)


def _once(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is below it, but for what runs more than once."""
    if not isinstance(node, ROUNDS):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _once(child)


def _all(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    yield from own_nodes(node)


def _behind(loop: Loop, tried: ast.stmt) -> list[ast.stmt]:
    """The statements that follow one in its own block."""
    for node in [loop, *own_nodes(loop)]:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, [])
            if isinstance(block, list) and tried in block:
                return block[block.index(tried) + 1 :]
    return []
