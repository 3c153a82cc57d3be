"""What swallows a failure, read from the source: the `try` or `suppress` around a line, an endless loop around it."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spindoctor.evidence.anatomy import (
    GIVES,
    Anatomy,
    Loop,
    brought,
    extent,
    find,
    last_name,
    length,
    own_nodes,
    receiver,
)

ROUNDS = ast.For | ast.AsyncFor | ast.While | ast.comprehension | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""What runs any number of times in one attempt, or later."""

WAYS_AWAY = ast.Continue | ast.Break | ast.Return | ast.Raise
"""Statements by which what follows is not reached."""

SHORTEST_S = 0.01
"""The time between two looks: of waits as long as this some are met."""

ENDLESS = frozenset({"count", "repeat", "cycle", "iter"})
"""What a `for` goes through without end (itertools; `iter(function, sentinel)`)."""

SENDS_BACK = re.compile(r"^(requeue|nack|reject|release|abandon|retry)(?![a-z])")
"""How what was taken is told to go back to where it came from, in any library."""


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
    def takes(self) -> set[int]:
        """The lines at which a handler gives something back, and those that bring it: it is there again at once."""
        given = _given_back(self.tried, self.loop)
        found = [one for one in own_nodes(self.loop) if isinstance(one, ast.Assign | ast.AnnAssign)]
        bring = [one for one in found if given.keys() & set(_stored(_all(one)))]
        header = {self.loop.lineno} if given.keys() & _goes_through(self.loop) else set()
        if not bring and not header:
            return set()
        return header | {line for one in (*bring, *given.values()) for line in extent(one)}

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
    def leaves_when_done(self) -> bool:
        """Whether every success leaves the loop: an attempt that follows another then follows a failure."""
        text = [*self.tried.body, *self._when_done()]
        if any(isinstance(node, ast.Continue) for one in text for node in _all(one)):
            return False
        ways = _always(text)
        leaves = next((one for one in ways if isinstance(one, WAYS_AWAY)), None)
        return isinstance(leaves, ast.Return | ast.Break)

    @property
    def brings(self) -> set[str]:
        """The variables that an attempt sets once: where one has changed, another attempt has set it."""
        return set_once(self.tried.body)

    def _when_done(self) -> list[ast.stmt]:
        """What runs where nothing has failed: all from a sleep on in what is tried, and what follows that."""
        tried = list(itertools.dropwhile(lambda one: not _is_sleep(one), _always(self.tried.body)))
        return tried + (_behind_all(self.loop, self.tried) if isinstance(self.tried, ast.Try) else [])

    def is_elsewhere(self, line: int) -> bool:
        """Whether a line of the loop is neither the attempt, its handler nor the way back to it."""
        is_beside = line not in extent(self.tried) and line not in self.takes
        return is_beside and line != self.loop.lineno and line not in self.after


def attempt_around(known: Mapping[str, Sequence[Anatomy]], file: str, line: int) -> Attempt | None:
    """The innermost endless loop in which what fails at this line is swallowed; None where there is none."""
    anatomy = find(known, file, line)
    for loop in anatomy.loops if anatomy else ():
        if line not in extent(loop):
            continue
        for tried in sorted(_tries(loop), key=length):
            body = range(tried.body[0].lineno, (tried.body[-1].end_lineno or 0) + 1)
            goes_on = is_endless(loop) or bool(_given_back(tried, loop).keys() & _goes_through(loop))
            if line in body and goes_on and _swallows(tried):
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


def set_once(body: Sequence[ast.stmt]) -> set[str]:
    """The variables that these statements set no more than once, not those that a loop inside of them sets anew."""
    once = {name for one in body for name in _stored(_once(one))}
    counts = Counter(name for one in body for name in _stored(_all(one)))
    return {name for name in once if counts[name] == 1}


def arguments(node: ast.AST) -> set[str]:
    """The names of a function's arguments, but for those that it sets itself."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    named = {one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    return named - set(_stored(own_nodes(node)))


def goes_through_once(loop: Loop, name: str) -> bool:
    """Whether what is called by this name is what a `for` goes through: it is called once, before the first turn."""
    if isinstance(loop, ast.While):
        return False
    calls = [last_name(one.func) for one in own_nodes(loop) if isinstance(one, ast.Call)]
    before = [last_name(one.func) for one in ast.walk(loop.iter) if isinstance(one, ast.Call)]
    return calls.count(name) == before.count(name) == 1


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that are assigned to."""
    return (node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _keeps(handler: ast.ExceptHandler, kinds: frozenset[str]) -> bool:
    is_caught = handler.type is None or any(last_name(one) in kinds for one in ast.walk(handler.type))
    return is_caught and not any(isinstance(one, ast.Raise) for one in handler.body)


def _suppressed(node: ast.With) -> set[str]:
    calls = (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call))
    return {last_name(one) for call in calls if last_name(call.func) == "suppress" for one in call.args}


def is_endless(loop: Loop) -> bool:
    """A `for` ends with what it goes through, unless that is endless."""
    return isinstance(loop, ast.While) or (isinstance(loop.iter, ast.Call) and last_name(loop.iter.func) in ENDLESS)


def _goes_through(loop: Loop) -> set[str]:
    """The names that a `for` gives to what it brings."""
    return set(_stored(_all(loop.target))) if isinstance(loop, ast.For | ast.AsyncFor) else set()


def _given_back(tried: ast.Try | ast.With, loop: Loop) -> dict[str, ast.Call]:
    """What a handler hands back to where it came from, or tells to go back: its names, with the call."""
    nodes = [node for handler in getattr(tried, "handlers", ()) for one in handler.body for node in _all(one)]
    calls = [one for one in nodes if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    told = [(one, part) for one in calls if SENDS_BACK.match(last_name(one.func)) for part in _handed(one)]
    sources = _sources(loop)
    given = [one for one in calls if GIVES.match(last_name(one.func))]
    told += [(one, part) for one in given for part in one.args if (last_name(part), receiver(one)) in sources]
    return {part.id: one for one, part in told if isinstance(part, ast.Name)}


def _sources(loop: Loop) -> set[tuple[str, str]]:
    """Each name that a loop gives to what it brings, with what it comes from."""
    found = set() if isinstance(loop, ast.While) else {(name, ast.dump(loop.iter)) for name in _goes_through(loop)}
    return found | {(name, owner) for name, owner, _ in brought(own_nodes(loop))}


def _handed(call: ast.Call) -> list[ast.expr]:
    """What a method is given, and what it is called on."""
    return [*call.args, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]


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
    if isinstance(node, ast.For | ast.AsyncFor):
        yield from _once(node.iter)
    elif not isinstance(node, ROUNDS):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _once(child)


def _always(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """These statements, and those inside of a `with`: what runs wherever nothing fails."""
    for one in body:
        yield one
        if isinstance(one, ast.With | ast.AsyncWith):
            yield from _always(one.body)


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
