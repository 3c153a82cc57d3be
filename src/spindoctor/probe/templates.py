"""The pattern that a request was matched with: what is the same for all requests of one kind.

Frameworks keep it where they matched the request: on the request itself (`resolver_match`, `url_rule`, `_match_info`),
in the route whose method passes the request on, or in the application's rules, by the class that handles it.
What a path was matched with does not change while a program runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.routes import Route, shape, shape_of_template
from spindoctor.probe.interpreter import Interpreter

REQUESTS = ("request", "req", "self")
MATCHES = ("resolver_match", "url_rule", "_match_info", "match_info")
RULES = ("_route", "_resource")
"""What a match keeps of the rule that it is of, one in the other."""

TEXTS = ("route", "rule", "_formatter", "path_format", "_path")
ROUTERS = ("default_router", "wildcard_router")
MOST_RULES = 200
MOST_KNOWN = 1024
PASSES_ON = frozenset({"scope", "receive", "send"})
"""What a function of ASGI is called with; one that has the scope alone may only be asking whether a route matches."""

GAP = "%s"
"""What stands in a pattern that a path is made from for each of its parts."""

REST = "/{path}"
"""How the pattern of a route ends that passes on whatever lies below it."""


class TemplateFinder:
    """Finds patterns; one that was found for a request's path is not sought again."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._known: dict[Route, str] = {}
        self._shapes: dict[tuple[str, str], set[str]] = {}
        self._of_class: dict[int, str | None] = {}

    def find(self, frames: Iterable[RawFrame], route: Route) -> str | None:
        """The pattern of a request, asked of the frames that work for it, innermost first; None where none knows it."""
        if route in self._known:
            return self._known[route]
        passed: list[str] = []
        is_whole = True
        for raw in frames:
            try:
                found = self._in_frame(self._interpreter.some_locals(raw, (*REQUESTS, *PASSES_ON)), passed)
            except Misread:
                is_whole = False
                continue
            if found:
                return self._keep(route, found)
        if not is_whole or not passed or passed[-1].endswith(REST):
            return self._of_alike(route)
        return self._keep(route, "".join(part.removesuffix(REST) for part in passed))

    def _keep(self, route: Route, found: str) -> str:
        """Patterns without the marks that an expression begins and ends with."""
        pattern = "/" + found.removeprefix("^").removeprefix("/").removesuffix("$")
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
            self._shapes.clear()
        self._known[route] = pattern
        self._shapes.setdefault((route.method, shape_of_template(pattern)), set()).add(pattern)
        return pattern

    def _of_alike(self, route: Route) -> str | None:
        """The pattern of earlier requests whose paths differ from this one's in nothing but keys; None where two do."""
        found = self._shapes.get((route.method, shape(route.path)), set())
        return next(iter(found)) if len(found) == 1 else None

    def _in_frame(self, held: Mapping[str, int], passed: list[str]) -> str | None:
        """The pattern that a frame's variables know; one that is only a part of it is added before those `passed`."""
        for name in REQUESTS[:2]:
            if name in held and (found := self._matched(self._objects.attributes(held[name]))):
                return found
        if "self" not in held:
            return None
        attributes = self._objects.attributes(held["self"])
        if held.keys() >= PASSES_ON and (part := self._text(attributes.get("path_format"))):
            passed.insert(0, part)
            return None
        if found := self._matched(attributes):
            return found
        if "request" in attributes and "application" in attributes:
            return self._by_class(held["self"], attributes["application"])
        inner = attributes.get("request")
        return self._matched(self._objects.attributes(inner)) if inner else None

    def _matched(self, attributes: Mapping[str, int]) -> str | None:
        """The pattern in the match that a request keeps."""
        for name in MATCHES:
            if name in attributes and (found := self._in_match(attributes[name])):
                return found
        return None

    def _in_match(self, address: int) -> str | None:
        for _ in range(len(RULES) + 1):
            attributes = self._objects.attributes(address)
            texts = (self._text(attributes.get(name)) for name in TEXTS)
            if found := next(filter(None, texts), None):
                return found
            inner = next((attributes[name] for name in RULES if name in attributes), None)
            if inner is None:
                return None
            address = inner
        return None

    def _by_class(self, handler: int, application: int) -> str | None:
        """The pattern of the only rule of an application that names the handler's class."""
        kind = self._objects.classes.of(handler).address
        if kind not in self._of_class:
            attributes = self._objects.attributes(application)
            routers = [attributes[name] for name in ROUTERS if name in attributes]
            found = {one for router in routers for one in self._rules(router, kind)}
            self._of_class[kind] = found.pop() if len(found) == 1 else None
        return self._of_class[kind]

    def _rules(self, router: int, kind: int, depth: int = 2) -> Iterable[str]:
        rules = self._objects.attributes(router).get("rules")
        for rule in self._objects.items(rules)[:MOST_RULES] if rules else ():
            attributes = self._objects.attributes(rule)
            target, matcher = attributes.get("target"), attributes.get("matcher")
            if target == kind and matcher:
                yield (self._text(self._objects.attributes(matcher).get("_path")) or "").replace(GAP, "{}")
            elif target and depth and "rules" in self._objects.attributes(target):
                yield from self._rules(target, kind, depth - 1)

    def _text(self, address: int | None) -> str | None:
        value = self._objects.value(address) if address is not None else None
        return value if isinstance(value, str) else None
