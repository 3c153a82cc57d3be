"""What the lines of a function do, read from its source: ask, fail, call, pass, or work.

A line *asks* where its result decides what happens next: a condition, or a variable that a condition looks at; a pause
that does not last is part of asking. It *passes* where it does nothing (`continue`, a counter), and *returns* what its
caller may have asked for. It *calls* where a function is called and its result is not looked at, so that only the
function itself can say what is done. Everything else is *work*. Inside a `try` whose handler was seen at work, the line
that would have worked *fails*.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

from spindoctor.model.recording import SourceWindow

_Compound = ast.If | ast.While | ast.For | ast.AsyncFor | ast.With | ast.AsyncWith
Loop = ast.While | ast.For | ast.AsyncFor

MOST_PLACES = 0.95
"""A loop is where nearly all looks are; one of twenty may be torn."""

MANY_FAILURES = 3
"""Looks at the lines of a handler; fewer may have caught something else."""

CLOCKS = frozenset({"time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "process_time", "now", "utcnow"})
PAUSES = frozenset({"sleep", "wait", "acquire", "release", "sched_yield", "join", "select", "poll", "pause"})
"""Calls that give way; where they really wait, the thread is asleep and burns nothing."""

GIVES = re.compile(
    r"_*(put|[lr]?push|publish|enqueue|append|add|return|release|give|free|check_?in|recycle|restore)(?![a-z])"
)
"""How methods begin by which an object takes back what it gave, in any library."""


class Step(Enum):
    """What one line does."""

    ASKS = auto()
    FAILS = auto()
    CALLS = auto()
    RETURNS = auto()
    PASSES = auto()
    WORKS = auto()


@dataclass(frozen=True)
class Anatomy:
    """One function. `node` is its definition, or the module."""

    file: str
    first: int
    last: int
    node: ast.AST

    @property
    def loops(self) -> list[Loop]:
        """Its loops, the innermost of those around one line first."""
        found = [one for one in own_nodes(self.node) if isinstance(one, Loop)]
        return sorted(found, key=length)

    def loop_around(self, lines: Mapping[int, int]) -> Loop | None:
        """The innermost loop that holds nearly all of these looks (lines with their counts)."""
        of = sum(lines.values())
        for loop in self.loops:
            within = sum(count for line, count in lines.items() if line in extent(loop))
            if of and within >= MOST_PLACES * of:
                return loop
        return None

    def steps(self, seen: Collection[int] | Mapping[int, int], loop: Loop | None = None) -> dict[int, Step]:
        """What each line of the loop (or of the function) does; `seen` are the lines at which it was met."""
        reading = _Reading(seen, _tested(loop or self.node))
        if loop is not None:
            reading.read([loop])
        else:
            reading.read(getattr(self.node, "body", []))
        return reading.steps

    def calls(self, line: int) -> set[str]:
        """The last parts of the names of all that is called on a line; of `if a(): b()` only the condition's."""
        nodes = [one for one in own_nodes(self.node) if getattr(one, "lineno", 0) == line]
        inside = {id(n) for one in nodes if isinstance(one, _Compound) for child in one.body for n in ast.walk(child)}
        return {last_name(one.func) for one in nodes if isinstance(one, ast.Call) and id(one) not in inside}

    def gives_back(self, line: int) -> bool:
        """Whether what is acquired on a line is released by the same function."""
        calls = [one.func for one in own_nodes(self.node) if isinstance(one, ast.Call)]
        methods = [one for one in calls if isinstance(one, ast.Attribute)]
        taken = {ast.dump(one.value) for one in methods if "acquire" in one.attr and line in extent(one)}
        return any("release" in one.attr and ast.dump(one.value) in taken for one in methods)

    def puts_back(self, line: int) -> bool:
        """Whether what is awaited or called for on a line is always handed back to the same object by this function.

        As in `one = await pool.get()` and later `pool.put_nowait(one)`, or where a loop waits until `pool` has one. In
        a handler of an exception, or under a condition, it is no member that is given back but a piece of work that
        failed or is not due.
        """
        return _puts_back(self, line)

    def body_at(self, line: int) -> range | None:
        """The lines of the body of a `with` whose head lies on a line; None where there is no such head."""
        heads = [one for one in own_nodes(self.node) if isinstance(one, ast.With | ast.AsyncWith)]
        found = [one for one in heads if one.lineno <= line < one.body[0].lineno]
        return next((range(one.body[0].lineno, (one.end_lineno or 0) + 1) for one in found), None)

    def tries(self, line: int) -> list[ast.Try]:
        """The `try` statements around a line, the innermost first."""
        found = [one for one in own_nodes(self.node) if isinstance(one, ast.Try) and line in extent(one)]
        return sorted(found, key=length)


def anatomies(windows: Iterable[SourceWindow]) -> dict[str, list[Anatomy]]:
    """The functions in these windows by their file; what does not parse is left out."""
    return _parsed(tuple(windows))


@lru_cache(maxsize=16)
def _parsed(windows: tuple[SourceWindow, ...]) -> dict[str, list[Anatomy]]:
    """Once for a process, however many of its threads and tasks are asked about; a service has few processes."""
    found: dict[str, list[Anatomy]] = {}
    for window in windows:
        if anatomy := _parse(window):
            found.setdefault(window.file, []).append(anatomy)
    return found


def find(known: Mapping[str, Sequence[Anatomy]], file: str, line: int) -> Anatomy | None:
    """The smallest function of a file that holds this line."""
    around = [one for one in known.get(file, ()) if one.first <= line <= one.last]
    return min(around, key=lambda one: one.last - one.first, default=None)


def handled(statement: ast.Try) -> set[str]:
    """The last parts of the names of the exceptions that a `try` statement catches."""
    kinds = [one.type for one in statement.handlers if one.type]
    return {last_name(item) for kind in kinds for item in (kind.elts if isinstance(kind, ast.Tuple) else [kind])}


def _parse(window: SourceWindow) -> Anatomy | None:
    text = "\n".join(window.lines)
    is_indented = bool(window.lines) and window.lines[0][:1].isspace()
    try:
        tree = ast.parse(f"if 1:\n{text}" if is_indented else text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    ast.increment_lineno(tree, window.first_line - 1 - is_indented)
    body = tree.body[0].body if is_indented and isinstance(tree.body[0], ast.If) else tree.body
    is_function = len(body) == 1 and isinstance(body[0], ast.FunctionDef | ast.AsyncFunctionDef)
    last = window.first_line + len(window.lines) - 1
    return Anatomy(window.file, window.first_line, last, body[0] if is_function else tree)


@lru_cache(maxsize=4096)
def _puts_back(anatomy: Anatomy, line: int) -> bool:
    """Once for each line, however many wait there."""
    nodes = list(own_nodes(anatomy.node))
    apart = [one for one in nodes if isinstance(one, ast.ExceptHandler | ast.If) and line not in extent(one)]
    failed = {id(inner) for one in apart for inner in ast.walk(one)}
    calls = [one for one in nodes if isinstance(one, ast.Call) and id(one) not in failed]
    giving = [one for one in calls if GIVES.match(last_name(one.func))]
    taken = {(name, owner) for name, owner, statement in brought(nodes) if line in extent(statement)}
    for wait, told in _waits(nodes, line):
        after = [one for one in brought(nodes) if extent(one[2]).start > wait]
        taken |= {(name, owner) for name, owner, _ in after if owner in {ast.dump(part) for part in ast.walk(told)}}
    back = {(last_name(given), receiver(one)) for one in giving for given in one.args}
    return any(owner not in OWN for _, owner in taken & back)


def _waits(nodes: Iterable[ast.AST], line: int) -> Iterator[tuple[int, ast.AST]]:
    """Where the waiting on a line is over, and what ends it.

    That is the test of a loop that does nothing else, or what a condition's `wait_for` is given.
    """
    for one in nodes:
        if isinstance(one, ast.While) and len(one.body) == 1 and line in extent(one.body[0]):
            yield one.end_lineno or 0, one.test
        if isinstance(one, ast.Call) and line in extent(one) and last_name(one.func) == "wait_for":
            yield from ((one.end_lineno or 0, given.body) for given in one.args if isinstance(given, ast.Lambda))


def brought(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str, ast.AST]]:
    """Each name that an assignment gives to what a method returned, what that was called on, and the assignment."""
    for one in nodes:
        if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
            owners = {receiver(call) for call in ast.walk(one.value) if isinstance(call, ast.Call)} - {""}
            yield from ((name, owner, one) for name in _targets(one) if name for owner in owners)


def receiver(call: ast.Call) -> str:
    """On what a method is called; empty for a plain function."""
    return ast.dump(call.func.value) if isinstance(call.func, ast.Attribute) else ""


OWN = frozenset(ast.dump(ast.Name(name, ast.Load())) for name in ("self", "cls"))
"""Whoever hands on what he got to another method of his own puts nothing back."""


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, without those of functions and classes that are defined there."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


def extent(node: ast.AST) -> range:
    """The lines of a statement."""
    return range(getattr(node, "lineno", 0), (getattr(node, "end_lineno", None) or 0) + 1)


def length(node: ast.AST) -> int:
    """How many lines a statement has."""
    return len(extent(node))


def counted(loop: Loop) -> set[str]:
    """Variables that a loop only counts in or reads a clock into, and that decide nothing but when to give up."""
    tested = _tested(loop)
    counts, others = set[str](), set[str]()
    for node in own_nodes(loop):
        if isinstance(node, ast.AugAssign):
            (counts if _is_count(node) else others).update(_targets(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            clocks = any(last_name(one.func) in CLOCKS for one in ast.walk(node.value) if isinstance(one, ast.Call))
            (counts if clocks else others).update(_targets(node))
            tested -= set(_targets(node)) if clocks else set()
    return counts - others - tested


def _is_count(node: ast.AugAssign) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.op, ast.Add | ast.Sub)


def _tested(node: ast.AST) -> set[str]:
    """The names that conditions look at, or that are handed back, and those from which these were made."""
    nodes = [node, *own_nodes(node)]
    tested = {name for one in nodes for condition in _conditions(one) for name in _names(condition)}
    assigned = [one for one in nodes if isinstance(one, ast.Assign | ast.AnnAssign | ast.With | ast.AsyncWith)]
    for _ in assigned:
        before = len(tested)
        for one in assigned:
            if tested.intersection(_targets(one)):
                tested.update(_made_from(one))
        if len(tested) == before:
            break
    return tested


def _conditions(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        return [node.test]
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.iter]
    if isinstance(node, ast.Match):
        return [node.subject]
    return [node.value] if isinstance(node, ast.Return) and node.value else []


def _made_from(node: ast.AST) -> set[str]:
    if isinstance(node, ast.With | ast.AsyncWith):
        return {name for item in node.items for name in _names(item.context_expr)}
    value = getattr(node, "value", None)
    return _names(value) if value else set()


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.With | ast.AsyncWith):
        targets = [item.optional_vars for item in node.items if item.optional_vars]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    return [name for target in targets for name in _bound(target)]


def _bound(target: ast.AST) -> list[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return [name for item in target.elts for name in _bound(item)]
    if isinstance(target, ast.Subscript | ast.Starred):
        return _bound(target.value)
    return [last_name(target)]


def _names(node: ast.AST) -> set[str]:
    return {last_name(one) for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)}


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@dataclass
class _Reading:
    """Reads statements one after the other."""

    seen: Collection[int] | Mapping[int, int]
    tested: set[str]
    steps: dict[int, Step] = field(default_factory=dict)

    def read(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.Try):
                self._try(statement)
            elif isinstance(statement, _Compound):
                self._mark(range(statement.lineno, max(statement.lineno + 1, statement.body[0].lineno)), statement)
                self.read([one for one in statement.body if not _is_beside(one, statement)])
                self.read(getattr(statement, "orelse", []))
            elif isinstance(statement, ast.Match):
                self._mark(range(statement.lineno, statement.cases[0].body[0].lineno), statement)
                for case in statement.cases:
                    self.read(case.body)
            else:
                self._mark(extent(statement), statement)

    def _mark(self, lines: Iterable[int], statement: ast.stmt) -> None:
        step = _step(statement, self.tested)
        for line in lines:
            self.steps[line] = max(step, self.steps.get(line, step), key=_BUSIEST_LAST.index)

    def _try(self, statement: ast.Try) -> None:
        self.read(statement.body)
        self.steps.setdefault(statement.lineno, Step.PASSES)
        if self._caught(statement) >= MANY_FAILURES:
            body = range(statement.body[0].lineno, (statement.body[-1].end_lineno or 0) + 1)
            self.steps.update({line: Step.FAILS for line in body if self.steps.get(line) in _FAILING})
        for handler in statement.handlers:
            self.steps.setdefault(handler.lineno, Step.PASSES)
            self.read(handler.body)
        self.read(statement.orelse)
        self.read(statement.finalbody)

    def _caught(self, statement: ast.Try) -> int:
        """How many looks met a handler, at the line that catches or below it."""
        lines = {line for handler in statement.handlers for line in extent(handler)}
        return sum(self.seen.get(line, 0) if isinstance(self.seen, Mapping) else line in self.seen for line in lines)


_BUSIEST_LAST = (Step.PASSES, Step.FAILS, Step.ASKS, Step.RETURNS, Step.CALLS, Step.WORKS)
"""Of several statements on one line a look cannot tell which it met: the line counts as what is least like asking."""

_FAILING = frozenset({Step.WORKS, Step.CALLS, Step.ASKS})


def _is_beside(statement: ast.stmt, condition: ast.stmt) -> bool:
    """Whether it stands on the line of an `if`: who only asks gets the answer that does not lead to it."""
    return isinstance(condition, ast.If) and statement.lineno == condition.lineno


def _step(statement: ast.stmt, tested: set[str]) -> Step:  # noqa: PLR0911 - one answer for each kind of statement
    if isinstance(statement, ast.While):
        is_empty = all(isinstance(one, ast.Pass | ast.Continue) for one in statement.body)
        return Step.PASSES if isinstance(statement.test, ast.Constant) and not is_empty else Step.ASKS
    if isinstance(statement, ast.If | ast.For | ast.AsyncFor | ast.Assert | ast.Match):
        return Step.ASKS
    if isinstance(statement, ast.Return):
        return _returned(statement.value)
    if isinstance(statement, ast.Expr):
        return _expression(statement.value)
    if isinstance(statement, ast.AugAssign):
        return Step.PASSES if _is_count(statement) else Step.WORKS
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return _assignment(statement, tested)
    if isinstance(statement, ast.With | ast.AsyncWith):
        return Step.ASKS if tested.intersection(_targets(statement)) else Step.PASSES
    return Step.PASSES


def _returned(value: ast.expr | None) -> Step:
    if value is None or isinstance(value, ast.Constant):
        return Step.PASSES
    return Step.WORKS if any(isinstance(one, ast.BinOp) for one in ast.walk(value)) else Step.RETURNS


def _expression(value: ast.expr) -> Step:
    if isinstance(value, ast.Constant):
        return Step.PASSES
    if isinstance(value, ast.Call):
        return Step.ASKS if last_name(value.func) in PAUSES else Step.CALLS
    return Step.WORKS


def _assignment(statement: ast.Assign | ast.AnnAssign, tested: set[str]) -> Step:
    value = statement.value
    if value is None or not any(isinstance(one, ast.Call | ast.BinOp | ast.Await) for one in ast.walk(value)):
        return Step.PASSES
    if tested.intersection(_targets(statement)):
        return Step.ASKS
    called = {last_name(one.func) for one in ast.walk(value) if isinstance(one, ast.Call)}
    return Step.PASSES if called and called <= CLOCKS else Step.WORKS
