"""The request that a stack or an await chain works for, found in the local variables of its frames.

ASGI passes a `scope` dict (asgi.readthedocs.io, HTTP and WebSocket connection scope), WSGI an `environ` dict (PEP
3333);
frameworks outside both keep an object with a method and the target that was asked for. The standard library's handlers
call a method of theirs that is named after what was asked for (`do_GET`; Lib/http/server.py), with both in attributes.

A request that is served names its target by the path alone; one that a client makes must name the host too (RFC 9112,
section 3.2.1), and tells nothing of what the service was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spindoctor.cpython.frames import RawFrame
from spindoctor.errors import Misread
from spindoctor.model.routes import Route
from spindoctor.probe.interpreter import Interpreter
from spindoctor.probe.templates import TemplateFinder

DICTS = ("scope", "environ")
OBJECTS = ("request", "req", "self")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""RFC 9110 section 9 and RFC 5789: what makes a `method` attribute that of a request."""

HANDLES = "do_"
"""How the names of such methods begin."""

SCOPES = ("scope", "_scope", "environ")
PATHS = ("path", "_path", "uri", "_rel_url", "raw_path", "raw_url")
HOSTS = ("_netloc", "netloc", "_host", "host")
SPLIT_HOST, SPLIT_PATH = 1, 2
"""Places in the result of `urllib.parse.urlsplit`."""

KEPT = frozenset({*SCOPES, *PATHS, "request", "_request"})
TEMPLATES = ("path", "path_format", "route", "rule")
NAMES = (*DICTS, *OBJECTS)
MOST_FRAMES = 40
OUTER_FRAMES = 24
"""Of a deep stack (a library that calls itself for each try) both ends are asked: servers and frameworks, which have
the request, are the outer one."""

OUTERMOST = 2


class RouteFinder:
    """Finds requests; what a code object's locals are called is asked of the interpreter each time."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Look through this interpreter."""
        self._interpreter = interpreter
        self._objects = interpreter.objects
        self._templates = TemplateFinder(interpreter)
        self._barren: set[int] = set()

    def find(self, frames: Sequence[RawFrame]) -> Route | None:
        """The request that a frame knows, asked innermost first; None where none does or where it cannot be read.

        A frame that stands alone serves a connection: its request is the one before, or one that another task works at.
        The two outermost frames are asked before all others: servers begin there, with the request in hand.
        """
        if len(frames) == 1:
            return self._at(frames[0], ("self",))
        first = max(0, len(frames) - OUTERMOST)
        places = self._worth_asking(frames)
        outermost = [place for place in reversed(places) if place >= first]
        inner = [place for place in places if place < first and _is_asked(place, len(frames))]
        asked = (self._at(frames[place]) for place in (*outermost, *inner))
        found = next((found for found in asked if found), None)
        return self._with_template([frames[place] for place in places[:MOST_FRAMES]], found)

    def _with_template(self, frames: Sequence[RawFrame], found: Route | None) -> Route | None:
        """The request with its pattern, where another of its frames knows that."""
        if found is None or found.template:
            return found
        return replace(found, template=self._templates.find(frames, found))

    def _worth_asking(self, frames: Sequence[RawFrame]) -> Sequence[int]:
        """The places of the frames whose functions have a variable that may hold a request."""
        return self._objects.codes.naming(tuple([raw.code for raw in frames]), NAMES)

    def reach(self, frames: Sequence[RawFrame], route: Route) -> int:
        """How many innermost frames work for this request of theirs: up to the outermost one that knows it.

        What lies further out (the start of a thread, a server's own loop) serves other requests too, or none.
        """
        for number in range(len(frames), 0, -1):
            found = self._at(frames[number - 1]) if _is_asked(number - 1, len(frames)) else None
            if found and (found.method, found.path) == (route.method, route.path):
                return number
        return 0

    def is_barren(self, kind: int) -> bool:
        """Whether objects of this type have been found to lead nowhere."""
        return kind in self._barren

    def _at(self, raw: RawFrame, objects: Sequence[str] = OBJECTS) -> Route | None:
        try:
            names = self._interpreter.some_locals(raw, (*DICTS, *objects))
            return self._in_handler(names, raw.frame.function) or self._in_locals(names, objects)
        except Misread:
            return None

    def _in_handler(self, names: Mapping[str, int], function: str) -> Route | None:
        """The request of a handler in its method for this verb: only there are its attributes not those of the last."""
        before, handles, verb = function.rpartition(".")[2].partition(HANDLES)
        if before or not handles or verb not in METHODS or "self" not in names:
            return None
        attributes = self._objects.attributes(names["self"])
        where = self._text(attributes.get("path")) or ""
        is_asked = self._text(attributes.get("command")) == verb and where.startswith("/")
        return Route(verb, where.partition("?")[0], None) if is_asked else None

    def _in_locals(self, names: Mapping[str, int], objects: Sequence[str]) -> Route | None:
        for name in DICTS:
            if name in names and (found := self._in_dict(names[name])):
                return found
        for name in objects:
            if name in names and (found := self._in_object(names[name], follow=name == "self")):
                return found
        return None

    def _in_dict(self, address: int) -> Route | None:
        if self._objects.type_name(address) != "dict":
            return None
        items = self._named_items(address)
        if "PATH_INFO" in items:
            return self._route(items.get("REQUEST_METHOD"), items.get("PATH_INFO"), None)
        if self._text(items.get("type")) == "websocket":
            return Route("WEBSOCKET", self._text(items.get("path")) or "?", self._template(items))
        return self._route(items.get("method"), items.get("path"), self._template(items))

    def _named_items(self, address: int) -> dict[str, int]:
        pairs = self._objects.pairs(address)
        return {text: value for key, value in pairs if (text := self._text(key))}

    def _in_object(self, address: int, *, follow: bool) -> Route | None:
        """A request object, or (for `self`) an object that keeps one or its scope.

        Most objects of methods are neither: a type whose instance had none of the names is not asked again as `self`.
        A request can be met before it is filled in or after it was cleared, and says nothing of others then.
        """
        kind = self._objects.classes.of(address).address
        if follow and kind in self._barren:
            return None
        attributes = self._objects.attributes(address)
        if not KEPT & attributes.keys():
            if follow:
                self._barren.add(kind)
            return None
        for name in SCOPES:
            if name in attributes and (found := self._in_dict(attributes[name])):
                return found
        if follow:
            inner = attributes.get("request", attributes.get("_request"))
            return self._in_object(inner, follow=False) if inner else None
        verb = self._text(attributes.get("method", attributes.get("_method")))
        if verb not in METHODS:
            return None
        targets = (self._target(attributes[name]) for name in PATHS if name in attributes)
        where = next((target for target in targets if target.startswith("/")), None)
        return Route(verb, where.partition("?")[0], None) if where else None

    def _target(self, address: int) -> str:
        """The path in a text or in an object for a URL without a host; empty where there is none."""
        value = self._objects.value(address)
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return value if isinstance(value, str) else self._path_of(self._objects.attributes(address))

    def _path_of(self, parts: Mapping[str, int]) -> str:
        """The path of a URL of which these are the parts, kept one by one or as `urlsplit` gives them."""
        if "_val" in parts:
            split = self._objects.items(parts["_val"])
            host, path = (split[SPLIT_HOST], split[SPLIT_PATH]) if len(split) > SPLIT_PATH else (None, None)
            return "" if self._text(host) else self._text(path) or ""
        if any(self._text(parts.get(name)) for name in HOSTS):
            return ""
        return self._text(parts.get("_path", parts.get("path"))) or ""

    def _route(self, method: int | None, path: int | None, template: str | None) -> Route | None:
        verb, where = self._text(method), self._text(path)
        if verb not in METHODS or not where:
            return None
        return Route(verb, where.partition("?")[0], template)

    def _template(self, scope: Mapping[str, int]) -> str | None:
        """The pattern of the route in a scope; None below a mounted application, where it is not the whole one."""
        outer = self._text(scope.get("app_root_path"))
        if "route" not in scope or (outer is not None and self._text(scope.get("root_path")) != outer):
            return None
        try:
            attributes = self._objects.attributes(scope["route"])
        except Misread:
            return None
        return next((text for name in TEMPLATES if (text := self._text(attributes.get(name)))), None)

    def _text(self, address: int | None) -> str | None:
        if address is None:
            return None
        value = self._objects.value(address)
        return value if isinstance(value, str) else None


def _is_asked(place: int, count: int) -> bool:
    """Whether the frame at this place of so many is asked at all."""
    return place < MOST_FRAMES or place >= count - OUTER_FRAMES
