"""An event loop that is made before the process forks, so that all children share one epoll instance.

In Tornado `listen` makes the loop and `start(n)` forks. `bind` followed by `start(n)`, and `fork_processes` before
`add_sockets`, make the loop after the fork and are right (Tornado's documentation of `TCPServer`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from spindoctor.model.recording import Candidate
from spindoctor.shapes.bodies import Bodies, Body

SHAPE = "listen-before-fork"

LISTENS = frozenset({"listen", "add_socket", "add_sockets"})
"""Tornado's calls that put a listening socket into the current loop, and make the loop where there is none."""

MAKES = frozenset({"get_event_loop", "new_event_loop"})
CURRENT = frozenset({"current", "instance"})
"""Of `IOLoop`: the loop, made where there is none."""

FORKS = frozenset({"fork_processes", "fork"})
PROCESSES = frozenset({"Process"})
"""What forks when it is started: `multiprocessing.Process` (its start method on Linux was fork up to 3.13)."""


@dataclass(frozen=True, slots=True)
class _Event:
    """A call that makes a loop or forks, and where it stands. `rank` prefers the call that listens."""

    makes: bool
    function: str
    line: int
    rank: int = 0


MOST_EVENTS = 50
"""A body that makes loops or forks does so a few times; the bound keeps any text cheap."""


def find(bodies: Bodies, file: str) -> list[Candidate]:
    """One candidate for each body in which a loop is made before a fork, itself or in a function that it calls."""
    seen = {body.function: _Body(bodies, body) for body in bodies.all}
    told = {name: list(islice(body.events({}), MOST_EVENTS)) for name, body in seen.items()}
    found = [_before_fork(list(islice(body.events(told), MOST_EVENTS))) for body in seen.values()]
    return [Candidate(SHAPE, one.function, file, one.line) for one in dict.fromkeys(found) if one]


def _before_fork(events: Sequence[_Event]) -> _Event | None:
    last_fork = max((number for number, one in enumerate(events) if not one.makes), default=0)
    return max((one for one in events[:last_fork] if one.makes), key=lambda one: one.rank, default=None)


class _Body:
    """What one body calls, and which of its variables are processes."""

    def __init__(self, bodies: Bodies, body: Body) -> None:
        nodes = body.own()
        self.bodies = bodies
        self.function = body.function
        self.calls = [node for node in nodes if isinstance(node, ast.Call)]
        self.processes = _processes(bodies, nodes)

    def events(self, told: dict[str, list[_Event]]) -> Iterator[_Event]:
        """Makes and forks in order; `told` are the events of functions, put in where they are called."""
        for call in self.calls:
            event = self.event(call)
            if event:
                yield event
            elif isinstance(call.func, ast.Name):
                yield from told.get(call.func.id, ())

    def event(self, call: ast.Call) -> _Event | None:
        name = self.bodies.called(call)
        line = call.func.end_lineno or call.lineno
        if name in LISTENS:
            return _Event(makes=True, function=self.function, line=line, rank=1)
        if name in MAKES or (name in CURRENT and self.receiver(call) == "IOLoop"):
            return _Event(makes=True, function=self.function, line=line)
        if name in FORKS or (name == "start" and self.starts_processes(call)):
            return _Event(makes=False, function=self.function, line=line)
        return None

    def receiver(self, call: ast.Call) -> str:
        return self.bodies.named(call.func.value) if isinstance(call.func, ast.Attribute) else ""

    def starts_processes(self, call: ast.Call) -> bool:
        """`.start(n)` with n other than one, or `.start()` of a `Process`."""
        given = [*call.args, *(one.value for one in call.keywords if one.arg == "num_processes")]
        if given:
            return not (isinstance(given[0], ast.Constant) and given[0].value == 1)
        made_here = isinstance(call.func, ast.Attribute) and self.bodies.called(call.func.value) in PROCESSES
        return made_here or self.receiver(call) in self.processes


def _processes(bodies: Bodies, nodes: Sequence[ast.AST]) -> set[str]:
    """The variables that are given a `Process`, directly or in a list that a loop goes through."""
    given = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and any(bodies.called(one) in PROCESSES for one in ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    members = {
        node.target.id
        for node in nodes
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and bodies.named(node.iter) in given
    }
    return given | members
